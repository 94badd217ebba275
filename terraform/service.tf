# The three processes on Fargate: one image, told apart by its command. web and live have nginx in front, in the same task.

locals {
  ports = { nginx = 8080, web = 8000, live = 8001, database = 5432, redis = 6379 }

  environment = {
    # libpq takes the password from PGPASSWORD, so that the address is no secret.
    DATABASE_URL   = "postgresql://vaxtrace@${aws_db_instance.main.endpoint}/vaxtrace?sslmode=require"
    HOST           = "127.0.0.1"
    RELEASE        = var.release
    SECURE_COOKIES = "true"
  }

  secrets = {
    PGPASSWORD = aws_secretsmanager_secret.main["database-password"].arn
    REDIS_URL  = aws_secretsmanager_secret.main["redis-url"].arn
    SECRET_KEY = aws_secretsmanager_secret.main["secret-key"].arn
  }

  # What every container has in common: no writable disk but /tmp, and its process's log.
  container = {
    for process in keys(var.processes) : process => {
      essential              = true
      readonlyRootFilesystem = true
      mountPoints            = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.main[process].name
          awslogs-region        = var.region
          awslogs-stream-prefix = process
        }
      }
    }
  }

  app = {
    for process in keys(var.processes) : process => merge(local.container[process], {
      name  = process
      image = "${aws_ecr_repository.image["app"].repository_url}:${var.release}"
      environment = [
        for name, value in merge(local.environment, { PORT = tostring(lookup(local.ports, process, 8000)) }) :
        { name = name, value = value }
      ]
      secrets     = [for name, arn in local.secrets : { name = name, valueFrom = arn }]
      command     = [process]
      stopTimeout = 30
    })
  }

  nginx = {
    for process in ["web", "live"] : process => merge(local.container[process], {
      name  = "nginx"
      image = "${aws_ecr_repository.image["proxy"].repository_url}:${var.release}"
      environment = [
        { name = "WEB", value = "127.0.0.1:${local.ports.web}" },
        { name = "LIVE", value = "127.0.0.1:${local.ports.live}" },
        { name = "LISTEN", value = tostring(local.ports.nginx) },
      ]
      portMappings = [{ containerPort = local.ports.nginx, protocol = "tcp" }]
      dependsOn    = [{ containerName = process, condition = "START" }]
    })
  }

  # The worker's task migrates first. web and live of the new release may start a moment before that is done, as those
  # of the old one run on after it: a migration must leave both working (docs/deploy.md).
  migrate = merge(local.app["worker"], { name = "migrate", command = ["migrate"], essential = false })

  containers = {
    web    = [local.app["web"], local.nginx["web"]]
    live   = [local.app["live"], local.nginx["live"]]
    worker = [local.migrate, merge(local.app["worker"], { dependsOn = [{ containerName = "migrate", condition = "SUCCESS" }] })]
  }
}

resource "aws_ecs_cluster" "main" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "process" {
  for_each = var.processes

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.start_tasks.arn
  container_definitions    = jsonencode(local.containers[each.key])

  volume {
    name = "tmp"
  }

  depends_on = [aws_secretsmanager_secret_version.made, aws_secretsmanager_secret_version.redis_url]
}

resource "aws_ecs_service" "process" {
  for_each = var.processes

  name            = each.key
  cluster         = aws_ecs_cluster.main.id
  task_definition = aws_ecs_task_definition.process[each.key].arn
  launch_type     = "FARGATE"
  desired_count   = each.value.least
  propagate_tags  = "SERVICE"

  # The old worker stops before the new one starts; the others overlap.
  deployment_minimum_healthy_percent = each.key == "worker" ? 0 : 100
  deployment_maximum_percent         = each.key == "worker" ? 100 : 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = [for subnet in aws_subnet.private : subnet.id]
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = each.key == "worker" ? [] : [aws_lb_target_group.served[each.key].arn]

    content {
      target_group_arn = load_balancer.value
      container_name   = "nginx"
      container_port   = local.ports.nginx
    }
  }

  lifecycle {
    ignore_changes = [desired_count] # autoscaling moves it
  }

  depends_on = [aws_lb_listener.https, aws_lb_listener_rule.live, aws_iam_role_policy.start_tasks]
}

resource "aws_appautoscaling_target" "process" {
  for_each = { for process, size in var.processes : process => size if size.most > size.least }

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${aws_ecs_service.process[each.key].name}"
  min_capacity       = each.value.least
  max_capacity       = each.value.most
}

resource "aws_appautoscaling_policy" "cpu" {
  for_each = aws_appautoscaling_target.process

  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = each.value.service_namespace
  scalable_dimension = each.value.scalable_dimension
  resource_id        = each.value.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
