"""What both halves of the driver use. A line for each check: the runner reads them."""

import sys

from botocore.exceptions import ClientError


def check(name, condition, seen=""):
    print(("ok    " if condition else "FAILED ") + name, seen if not condition else "", flush=True)
    if not condition:
        sys.exit(1)


def code_of(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def wait_active(kinesis, stream):
    kinesis.get_waiter("stream_exists").wait(StreamName=stream, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
