/**
 * AWS's token service answers one question that clients of Kinesis ask it: whose their credentials are. KPL makes ARNs of the answer
 * and does not start without one, so it can be asked here, too: `POST /` with `Action=GetCallerIdentity` in a form.
 */
import { partitionOf } from "../arns.ts";
import { AwsError } from "../errors.ts";
import type { SignatureVerifier } from "../protocol/sigv4.ts";
import type { RawRequest } from "./decide.ts";

export const FORM_CONTENT_TYPE = "application/x-www-form-urlencoded";
const NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/";
const BODY_BYTES_MAX = 1_024;

export interface XmlAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

/** Undefined: it asks something else. */
export function callerIdentity(request: RawRequest, verifier: SignatureVerifier): XmlAnswer | undefined {
  if (request.body.length > BODY_BYTES_MAX) return undefined;
  if (new URLSearchParams(request.body.toString()).get("Action") !== "GetCallerIdentity") return undefined;
  try {
    const { accessKeyId, accountId, region } = verifier.verify(request, "sts");
    const [key, account] = [escaped(accessKeyId), escaped(accountId)];
    return xml(
      200,
      `<GetCallerIdentityResponse xmlns="${NAMESPACE}"><GetCallerIdentityResult>` +
        `<Arn>arn:${partitionOf(region)}:iam::${account}:user/${key}</Arn><UserId>${key}</UserId><Account>${account}</Account>` +
        "</GetCallerIdentityResult></GetCallerIdentityResponse>",
    );
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    const code = error.awsName.replace(/Exception$/u, "");
    return xml(
      403,
      `<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>Sender</Type><Code>${escaped(code)}</Code>` +
        `<Message>${escaped(error.text ?? "")}</Message></Error></ErrorResponse>`,
    );
  }
}

function xml(status: number, text: string): XmlAnswer {
  return { status, contentType: "text/xml", body: Buffer.from(text) };
}

function escaped(text: string): string {
  return text.replace(/[<>&"']/gu, (character) => `&#${character.charCodeAt(0)};`);
}
