# The database password and the signing key are made here, kept in Secrets Manager and never in the state. The Redis
# token is in the state too, because its resource has no write-only argument: keep the state's bucket closed.

resource "aws_secretsmanager_secret" "main" {
  #checkov:skip=CKV2_AWS_57:Replaced by raising secrets_version: replacing them behind running tasks would lock those out.
  for_each = {
    database-password = "Password of the database user vaxtrace"
    secret-key        = "Signs form tokens"
    redis-url         = "Address of Redis with its token"
  }

  name                    = "${var.name}/${each.key}"
  description             = each.value
  kms_key_id              = aws_kms_key.main.arn
  recovery_window_in_days = 30
}

ephemeral "random_password" "made" {
  for_each = toset(["database-password", "secret-key"])

  length  = 64
  special = false
}

resource "aws_secretsmanager_secret_version" "made" {
  for_each = toset(["database-password", "secret-key"])

  secret_id                = aws_secretsmanager_secret.main[each.key].id
  secret_string_wo         = ephemeral.random_password.made[each.key].result
  secret_string_wo_version = var.secrets_version
}

# Read back, so that the database always gets the password that is stored, even when an earlier run broke off in between.
ephemeral "aws_secretsmanager_secret_version" "database_password" {
  secret_id = aws_secretsmanager_secret_version.made["database-password"].secret_id
}

resource "aws_secretsmanager_secret_version" "redis_url" {
  secret_id     = aws_secretsmanager_secret.main["redis-url"].id
  secret_string = "rediss://:${random_password.redis.result}@${aws_elasticache_replication_group.main.primary_endpoint_address}:${local.ports.redis}/0"
}
