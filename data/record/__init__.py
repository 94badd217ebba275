"""The record of stock: the only writer of stock, its outbox and the proof that both agree."""
