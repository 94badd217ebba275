"""How does an e-mail leave? Through the server that SMTP_URL names; without one none does."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import structlog

from app.settings import Settings

log = structlog.get_logger()
_PATIENCE = 15.0


def works(settings: Settings) -> bool:
    """Whether e-mails with links can be sent: it takes a server, and an address of ours to lead to."""
    return settings.smtp_url is not None and settings.public_url is not None


def send(settings: Settings, to: str, subject: str, text: str) -> None:
    """Send a plain e-mail. A server that does not take it is logged, without what the e-mail says."""
    if settings.smtp_url is None:
        return
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.mail_from, to, subject
    message.set_content(text)
    server = urlsplit(settings.smtp_url.get_secret_value())
    host, secure = server.hostname or "localhost", server.scheme == "smtps"
    try:
        with (
            smtplib.SMTP_SSL(host, server.port or 465, timeout=_PATIENCE, context=ssl.create_default_context())
            if secure
            else smtplib.SMTP(host, server.port or 25, timeout=_PATIENCE)
        ) as smtp:
            if not secure and smtp.has_extn("starttls"):
                smtp.starttls(context=ssl.create_default_context())
            if server.username:
                smtp.login(unquote(server.username), unquote(server.password or ""))
            smtp.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        log.error("mail.failed", error=type(error).__name__)
