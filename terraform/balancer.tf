# One address: HTTPS ends here, the firewall looks first, /socket.io/ goes to live and the rest to web.

resource "aws_lb" "main" {
  #checkov:skip=CKV2_AWS_76:The rules against Log4j are on; the list of anonymous addresses that this check also wants would shut out systems hosted in clouds, such as DHIS2.
  name                       = var.name
  load_balancer_type         = "application"
  subnets                    = [for subnet in aws_subnet.public : subnet.id]
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true
  enable_deletion_protection = true

  access_logs {
    enabled = true
    bucket  = aws_s3_bucket.access_logs.id
  }

  depends_on = [aws_s3_bucket_policy.access_logs]
}

locals {
  # What proves that the process answers, and nothing about PostgreSQL: replacing every task while the database fails
  # over (/health says 503 then) would make an outage of a pause.
  health_checks = {
    web  = "/login"
    live = "/socket.io/"
  }
}

resource "aws_lb_target_group" "served" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; behind it the traffic stays in private subnets between two security groups.
  for_each = local.health_checks

  name                 = "${var.name}-${each.key}"
  vpc_id               = aws_vpc.main.id
  target_type          = "ip"
  port                 = local.ports.nginx
  protocol             = "HTTP"
  deregistration_delay = 15

  # To whoever names no protocol the sockets say 400: an answer of their own.
  health_check {
    path                = each.value
    matcher             = each.key == "live" ? "400" : "200"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }

  # A browser without WebSocket falls back to polling, which must keep meeting the same task.
  stickiness {
    type    = "lb_cookie"
    enabled = each.key == "live"
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.main.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.served["web"].arn
  }
}

resource "aws_lb_listener_rule" "live" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10

  condition {
    path_pattern {
      values = ["/socket.io/*"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.served["live"].arn
  }
}

resource "aws_wafv2_web_acl" "main" {
  name  = var.name
  scope = "REGIONAL"

  default_action {
    allow {}
  }

  rule {
    name     = "requests-per-address"
    priority = 0

    action {
      block {}
    }

    statement {
      rate_based_statement {
        limit              = var.requests_per_address
        aggregate_key_type = "IP"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "requests-per-address"
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "known-bad-inputs"
    priority = 1

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        name        = "AWSManagedRulesKnownBadInputsRuleSet"
        vendor_name = "AWS"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "known-bad-inputs"
      sampled_requests_enabled   = true
    }
  }

  rule {
    name     = "common"
    priority = 2

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        name        = "AWSManagedRulesCommonRuleSet"
        vendor_name = "AWS"

        # A district's stock events in one request are larger than the 8 kB that this rule lets pass.
        rule_action_override {
          name = "SizeRestrictions_BODY"

          action_to_use {
            count {}
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "common"
      sampled_requests_enabled   = true
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = true
  }
}

resource "aws_wafv2_web_acl_association" "main" {
  resource_arn = aws_lb.main.arn
  web_acl_arn  = aws_wafv2_web_acl.main.arn
}

resource "aws_wafv2_web_acl_logging_configuration" "main" {
  resource_arn            = aws_wafv2_web_acl.main.arn
  log_destination_configs = [aws_cloudwatch_log_group.main["firewall"].arn]

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }

  redacted_fields {
    single_header {
      name = "cookie"
    }
  }
}
