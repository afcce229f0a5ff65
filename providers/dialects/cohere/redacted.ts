/** Thinking told in cipher, on its way through a client of Cohere's: it stands where a signature would, under a mark. */

/** `#` is in no base64, and no issuer is called so. */
const mark = "redacted#";

export function redactedSignature(data: string): string {
  return mark + data;
}

/** Undefined for what is a signature. */
export function redactedData(signature: string): string | undefined {
  return signature.startsWith(mark) ? signature.slice(mark.length) : undefined;
}
