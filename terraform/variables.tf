variable "name" {
  description = "Prefix of every resource's name; one per environment, such as vaxtrace-production."
  type        = string
  default     = "vaxtrace"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,19}$", var.name))
    error_message = "Use 3 to 20 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "region" {
  description = "AWS region that everything runs in; often prescribed by the country's law on health data."
  type        = string
}

variable "copy_region" {
  description = "Second region, which holds copies of the backups and of the write-ahead log."
  type        = string

  validation {
    condition     = var.copy_region != var.region
    error_message = "A copy in the same region is lost with it: name another region."
  }
}

variable "certificate_arn" {
  description = "Certificate (ACM, in the region) of the address that people open."
  type        = string
}

variable "release" {
  description = "Tag of the two images to run, such as 1.4.0. Tags are immutable: a new release is a new tag."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.release)) && var.release != "latest"
    error_message = "Name one release by its tag; `latest` names none."
  }
}

variable "allowed_cidrs" {
  description = "IPv4 ranges that may reach the address. Narrow it where the ministry has a network of its own."
  type        = set(string)
  default     = ["0.0.0.0/0"]
}

variable "vpc_cidr" {
  description = "IPv4 range of the network, a /16."
  type        = string
  default     = "10.40.0.0/16"

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0)) && endswith(var.vpc_cidr, "/16")
    error_message = "Give a /16 range such as 10.40.0.0/16."
  }
}

variable "zones" {
  description = "Two or three availability zones of the region, such as eu-west-1a. Each has its own NAT gateway; new ones go last."
  type        = list(string)

  validation {
    condition     = contains([2, 3], length(distinct(var.zones))) && length(distinct(var.zones)) == length(var.zones)
    error_message = "Name 2 or 3 different zones: the standby needs a zone of its own."
  }
}

variable "database_version" {
  description = "Major version of PostgreSQL; minor versions follow by themselves in the maintenance window."
  type        = string
  default     = "17"
}

variable "database_class" {
  description = "Instance class of PostgreSQL and of its standby."
  type        = string
  default     = "db.m7g.large"
}

variable "database_storage_gb" {
  description = "Storage of PostgreSQL at the start, in GB; it grows by itself to five times this."
  type        = number
  default     = 100
}

variable "recovery_days" {
  description = "Days back to which PostgreSQL can be restored, to the second, in either region."
  type        = number
  default     = 35

  validation {
    condition     = var.recovery_days >= 7 && var.recovery_days <= 35
    error_message = "Give 7 to 35 days (35 is the most that RDS keeps)."
  }
}

variable "archive_days" {
  description = "Days that monthly backups are kept, in both regions."
  type        = number
  default     = 365

  validation {
    condition     = var.archive_days >= 90
    error_message = "Give at least 90 days: monthly backups kept for less say little."
  }
}

variable "redis_class" {
  description = "Node type of Redis and of its replica."
  type        = string
  default     = "cache.t4g.small"
}

variable "processes" {
  description = "Size of each process: CPU units (1024 = one core) and MiB of a task, and how many tasks at least and at most."
  type = object({
    web    = object({ cpu = number, memory = number, least = number, most = number })
    live   = object({ cpu = number, memory = number, least = number, most = number })
    worker = object({ cpu = number, memory = number, least = number, most = number })
  })
  default = {
    web    = { cpu = 1024, memory = 2048, least = 2, most = 8 }
    live   = { cpu = 512, memory = 1024, least = 2, most = 8 }
    worker = { cpu = 1024, memory = 2048, least = 1, most = 1 }
  }

  validation {
    condition     = var.processes.worker.least == 1 && var.processes.worker.most == 1
    error_message = "There is one worker: it reads the outbox in order."
  }
}

variable "secrets_version" {
  description = "Raise by one to replace the database password and the key that signs forms (docs/deploy.md says what follows)."
  type        = number
  default     = 1
}

variable "log_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 365
}

variable "requests_per_address" {
  description = "Requests that one IPv4 address may send in 5 minutes. High, as a whole ministry may share an address."
  type        = number
  default     = 20000
}
