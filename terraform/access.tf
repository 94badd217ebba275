# Who may open a connection to whom: people -> load balancer -> tasks -> PostgreSQL and Redis, and tasks -> HTTPS outside.

resource "aws_security_group" "balancer" {
  name_prefix = "${var.name}-balancer-"
  description = "Load balancer: HTTPS from the allowed ranges"
  vpc_id      = aws_vpc.main.id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "balancer_https" {
  for_each = var.allowed_cidrs

  security_group_id = aws_security_group.balancer.id
  description       = "HTTPS from people and systems"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = each.value
}

resource "aws_vpc_security_group_egress_rule" "balancer_tasks" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "To nginx in the tasks"
  ip_protocol                  = "tcp"
  from_port                    = local.ports.nginx
  to_port                      = local.ports.nginx
  referenced_security_group_id = aws_security_group.tasks.id
}

resource "aws_security_group" "tasks" {
  name_prefix = "${var.name}-tasks-"
  description = "Tasks: nginx from the load balancer"
  vpc_id      = aws_vpc.main.id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "tasks_nginx" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "nginx from the load balancer"
  ip_protocol                  = "tcp"
  from_port                    = local.ports.nginx
  to_port                      = local.ports.nginx
  referenced_security_group_id = aws_security_group.balancer.id
}

resource "aws_vpc_security_group_egress_rule" "tasks_https" {
  security_group_id = aws_security_group.tasks.id
  description       = "Images, logs, secrets, and the systems that stock data comes from"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_security_group_egress_rule" "tasks_store" {
  for_each = { database = local.ports.database, redis = local.ports.redis }

  security_group_id            = aws_security_group.tasks.id
  description                  = "To ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
  referenced_security_group_id = aws_security_group.store[each.key].id
}

resource "aws_security_group" "store" {
  for_each = toset(["database", "redis"])

  name_prefix = "${var.name}-${each.key}-"
  description = "${each.key}: the tasks only"
  vpc_id      = aws_vpc.main.id

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_vpc_security_group_ingress_rule" "store" {
  for_each = { database = local.ports.database, redis = local.ports.redis }

  security_group_id            = aws_security_group.store[each.key].id
  description                  = "From the tasks"
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
  referenced_security_group_id = aws_security_group.tasks.id
}
