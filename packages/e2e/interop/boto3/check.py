"""boto3 against a running endpoint: python3 check.py http://127.0.0.1:4567. Ends with 1 on the first check that fails."""

import sys
import uuid

import boto3
from botocore.config import Config

from operations import check_operations
from records import check_records

kinesis = boto3.client(
    "kinesis",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",
    config=Config(retries={"max_attempts": 5}),
)
print("version", boto3.__version__)
name = f"boto3-{uuid.uuid4().hex[:8]}"
check_operations(kinesis, name)
check_records(kinesis, f"{name}-records")
