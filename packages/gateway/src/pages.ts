import { awsError } from "./errors.ts";
import type { Services } from "./operations/operation.ts";
import { TOKEN_LIFETIME_MS } from "./tokens.ts";

type PageValues = Readonly<Record<string, string | number>>;

/** @throws AwsError INVALID_TOKEN, EXPIRED_TOKEN_PAGE */
export function openPageToken({ tokens, clock }: Services, operation: string, token: string): PageValues {
  const position = tokens.openPage(token);
  if (position?.operation !== operation) throw awsError("INVALID_TOKEN", {});
  if (clock.nowMs() - position.createdMs > TOKEN_LIFETIME_MS) throw awsError("EXPIRED_TOKEN_PAGE", {});
  return position.values;
}

export function sealPageToken({ tokens, clock }: Services, operation: string, values: PageValues): string {
  return tokens.sealPage({ createdMs: clock.nowMs(), operation, values });
}
