# PostgreSQL + PostGIS: the truth. A standby in another zone, and recovery to any second of the last weeks in two regions.

resource "aws_db_subnet_group" "main" {
  name       = var.name
  subnet_ids = [for subnet in aws_subnet.data : subnet.id]
}

resource "aws_db_parameter_group" "main" {
  name_prefix = "${var.name}-"
  family      = "postgres${var.database_version}"
  description = "TLS only; slow statements and schema changes are logged"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_statement"
    value = "ddl"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }

  # A transaction left open holds back every reader of the outbox.
  parameter {
    name  = "idle_in_transaction_session_timeout"
    value = "60000"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_db_instance" "main" {
  identifier     = var.name
  engine         = "postgres"
  engine_version = var.database_version
  instance_class = var.database_class
  multi_az       = true

  db_name             = "vaxtrace"
  username            = "vaxtrace"
  password_wo         = ephemeral.aws_secretsmanager_secret_version.database_password.secret_string
  password_wo_version = var.secrets_version
  # Also open to people of the account with the right, without any password.
  iam_database_authentication_enabled = true

  allocated_storage     = var.database_storage_gb
  max_allocated_storage = 5 * var.database_storage_gb
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.main.arn

  db_subnet_group_name   = aws_db_subnet_group.main.name
  vpc_security_group_ids = [aws_security_group.store["database"].id]
  parameter_group_name   = aws_db_parameter_group.main.name
  port                   = local.ports.database
  publicly_accessible    = false
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  backup_retention_period   = var.recovery_days
  backup_window             = "01:00-02:00"
  maintenance_window        = "sun:03:00-sun:04:00"
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = true
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-final"

  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.main.arn
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.database_monitoring.arn
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]

  depends_on = [aws_cloudwatch_log_group.main]
}

# The write-ahead log, minutes behind, in the second region: a lost region loses minutes, not a day.
resource "aws_db_instance_automated_backups_replication" "copy" {
  provider = aws.copy

  source_db_instance_arn = aws_db_instance.main.arn
  kms_key_id             = aws_kms_key.copy.arn
  retention_period       = var.recovery_days
}
