terraform {
  # 1.11: write-only arguments, which keep the database password and the signing key out of the state.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }

  # Bucket, key and region are given at `terraform init -backend-config=...` (docs/deploy.md).
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = local.tags
  }
}

provider "aws" {
  alias  = "copy"
  region = var.copy_region

  default_tags {
    tags = local.tags
  }
}

locals {
  tags = {
    Application = var.name
    ManagedBy   = "terraform"
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}
