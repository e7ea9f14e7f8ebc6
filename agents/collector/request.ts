import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { MalformedMessage, parseJson, seen } from '../../domain/datasource-messages.ts';

/** An answer other than 200; `body` is sent as JSON beside the text. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
  readonly status: number;
  readonly body: object;
  constructor(status: number, message: string, body: object = {}) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

/** The whole body as JSON; longer ones are refused before they are held in memory. */
export async function readJson(request: IncomingMessage, what: string, maxBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes)
      throw new RequestRefused(413, `${what}: expected at most ${maxBytes} bytes, seen more`);
    chunks.push(chunk);
  }
  let content: string;
  try {
    content = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new MalformedMessage(`${what}: not UTF-8`);
  }
  return parseJson(content, what);
}

/** The parameters of the query, exactly these; each once, and a text of at most 128 characters. */
export function readQuery<Name extends string>(
  url: URL,
  required: readonly Name[],
  optional: readonly string[] = [],
): { readonly [name in Name]: string } & { readonly [name: string]: string | undefined } {
  const allowed: readonly string[] = [...required, ...optional];
  const problems: string[] = [];
  const values: Record<string, string> = {};
  for (const [key, value] of url.searchParams) {
    if (!allowed.includes(key)) problems.push(`${key}: not a parameter of ${url.pathname}`);
    else if (Object.hasOwn(values, key)) problems.push(`${key}: expected once, seen again`);
    else if (value === '' || value.length > 128 || /\p{Cc}/u.test(value)) {
      problems.push(`${key}: expected a text of 1 to 128 printable characters, seen ${seen(value)}`);
    } else values[key] = value;
  }
  for (const key of required) {
    if (!url.searchParams.has(key)) problems.push(`${key}: expected a text, seen nothing`);
  }
  if (problems.length > 0) throw new MalformedMessage(`query: ${problems.join('; ')}`);
  return values as ReturnType<typeof readQuery<Name>>;
}

/** A whole number from the query; `otherwise` where it is not given. */
export function numberOf(
  query: { readonly [name: string]: string | undefined },
  key: string,
  otherwise: number,
) {
  const given = query[key];
  if (given === undefined) return otherwise;
  if (/^\d{1,15}$/.test(given)) return Number(given);
  throw new MalformedMessage(`query: ${key}: expected a whole number, seen ${seen(given)}`);
}

/** Compares in constant time, whatever the lengths. */
export function hasToken(request: IncomingMessage, tokens: readonly (string | undefined)[]): boolean {
  const given = digest(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
  return tokens.some((token) => token !== undefined && timingSafeEqual(given, digest(token)));
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
