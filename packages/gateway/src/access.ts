/**
 * Whose resources a caller may touch: those of its own account. A name is one of that account anyway; an ARN may be of any.
 * Resource policies are kept and open nothing: access is decided by access keys alone.
 */
import { partitionOf } from "./arns.ts";
import { awsError } from "./errors.ts";
import type { ApiRequest } from "./http/api-types.ts";

const ACCOUNT_OF_ARN = /^arn:[^:]*:kinesis:[^:]*:(\d{12}):/;

/** @throws AwsError ACCESS_DENIED, whether or not there is such a resource */
export function checkAccess(
  arn: string | undefined,
  {
    isProven,
    accountId,
    region,
    accessKeyId,
    operation,
  }: Pick<ApiRequest, "isProven" | "accountId" | "region" | "accessKeyId" | "operation">,
): void {
  // Where any credentials do, anybody may say to be of any account.
  if (arn === undefined || !isProven) return;
  const owner = ACCOUNT_OF_ARN.exec(arn)?.[1];
  if (owner === undefined || owner === accountId) return;
  const principal = `arn:${partitionOf(region)}:iam::${accountId}:user/${accessKeyId}`;
  throw awsError("ACCESS_DENIED", { principal, operation, resourceArn: arn });
}

/** Of each ARN in an input. @throws AwsError ACCESS_DENIED */
export function checkAccessOf(input: object, request: ApiRequest): void {
  const { StreamARN, ResourceARN, ConsumerARN } = input as Readonly<Record<string, unknown>>;
  for (const arn of [StreamARN, ResourceARN, ConsumerARN]) if (typeof arn === "string") checkAccess(arn, request);
}
