# Backups beside the database's own: in locked vaults that even an administrator cannot empty early, in two regions.

resource "aws_backup_vault" "main" {
  name        = var.name
  kms_key_arn = aws_kms_key.main.arn
}

resource "aws_backup_vault_lock_configuration" "main" {
  backup_vault_name  = aws_backup_vault.main.name
  min_retention_days = 7
}

resource "aws_backup_vault" "copy" {
  provider = aws.copy

  name        = var.name
  kms_key_arn = aws_kms_key.copy.arn
}

resource "aws_backup_vault_lock_configuration" "copy" {
  provider = aws.copy

  backup_vault_name  = aws_backup_vault.copy.name
  min_retention_days = 7
}

resource "aws_backup_plan" "main" {
  name = var.name

  dynamic "rule" {
    for_each = {
      daily   = { schedule = "cron(0 2 * * ? *)", days = var.recovery_days }
      monthly = { schedule = "cron(0 3 1 * ? *)", days = var.archive_days }
    }

    content {
      rule_name         = rule.key
      target_vault_name = aws_backup_vault.main.name
      schedule          = rule.value.schedule

      lifecycle {
        delete_after = rule.value.days
      }

      copy_action {
        destination_vault_arn = aws_backup_vault.copy.arn

        lifecycle {
          delete_after = rule.value.days
        }
      }
    }
  }
}

resource "aws_backup_selection" "database" {
  name         = "database"
  plan_id      = aws_backup_plan.main.id
  iam_role_arn = aws_iam_role.backup.arn
  resources    = [aws_db_instance.main.arn]
}
