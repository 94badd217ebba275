output "address" {
  description = "Name of the load balancer: point the certificate's host name at it (CNAME or alias)."
  value       = aws_lb.main.dns_name
}

output "repositories" {
  description = "Where to push the two images, by build target of the Dockerfile."
  value       = { for target, repository in aws_ecr_repository.image : target => repository.repository_url }
}

output "cluster" {
  description = "Name of the ECS cluster."
  value       = aws_ecs_cluster.main.name
}

output "one_off_task" {
  description = "Task definition for one-off commands such as `load` and `audit` (docs/deploy.md)."
  value       = aws_ecs_task_definition.process["worker"].family
}

output "task_network" {
  description = "Subnets and security group that a one-off task needs."
  value = {
    subnets         = [for subnet in aws_subnet.private : subnet.id]
    security_groups = [aws_security_group.tasks.id]
  }
}

output "database_endpoint" {
  description = "Host and port of PostgreSQL, reachable from the tasks only."
  value       = aws_db_instance.main.endpoint
}

output "database_arn" {
  description = "The database, for restoring it to a point in time."
  value       = aws_db_instance.main.arn
}

output "redis_endpoint" {
  description = "Host of the Redis primary, reachable from the tasks only."
  value       = aws_elasticache_replication_group.main.primary_endpoint_address
}

output "secret_arns" {
  description = "The secrets, by name; the values are not in any output."
  value       = { for name, secret in aws_secretsmanager_secret.main : name => secret.arn }
}

output "backup_vaults" {
  description = "Vaults that hold the daily and monthly backups, by region."
  value = {
    (var.region)      = aws_backup_vault.main.name
    (var.copy_region) = aws_backup_vault.copy.name
  }
}

output "log_groups" {
  description = "CloudWatch log groups by what writes to them."
  value       = { for writer, group in aws_cloudwatch_log_group.main : writer => group.name }
}
