import { setTimeout as sleep } from 'node:timers/promises';
import { AwsV4Signer } from 'aws4fetch';
import { Agent, request } from 'undici';
import { nextAttemptIn, type AnswerClass } from '../../domain/kubernetes/answers.ts';
import type { S3Settings } from '../../domain/schema/kubernetes.ts';
import type { StepTools } from '../tools.ts';
import { againWhenReplaced, joined, piecesOf, type Arriving, type Patience } from './s3-download.ts';

/** The store answered with an error; `code` is S3's word, e.g. AccessDenied, ExpiredToken, NoSuchBucket. */
export class S3Error extends Error {
  override readonly name = 'S3Error';
  readonly status: number;
  readonly code: string;
  constructor(attempted: string, status: number, code: string) {
    super(`${attempted}: ${status} ${code}${advice[code] === undefined ? '' : `: ${advice[code]}`}`);
    this.status = status;
    this.code = code;
  }

  /** The store will go on to say no until a person changes credentials, rights or names. */
  get isDenied(): boolean {
    return this.status === 401 || this.status === 403 || neverByItself.has(this.code);
  }
}

/** With other statuses than 401 and 403, and yet for a person to see to. The last is versitygw's for an unknown key. */
const neverByItself = new Set(['ExpiredToken', 'InvalidToken', 'NoSuchBucket', 'XAdminUserNotFound']);

const advice: Readonly<Record<string, string>> = {
  AccessDenied: 'these credentials may not do this',
  ExpiredToken: 'the credentials have expired',
  InvalidToken: 'the session token is not one that the store gave',
  InvalidAccessKeyId: 'the store does not know this access key (expired or revoked?)',
  SignatureDoesNotMatch: 'the secret key does not fit the access key',
  NoSuchBucket: 'the bucket does not exist',
  XAdminUserNotFound: 'the store does not know this access key (expired or revoked?)',
  RequestTimeTooSkewed: 'the clock here or there is wrong',
};

export interface StoredObject {
  readonly body: Buffer;
  readonly etag: string;
}

/** One bucket, below one prefix. Keys are relative to the prefix. */
export interface Bucket {
  readonly where: string;
  get(key: string): Promise<StoredObject | undefined>;
  /**
   * What is too large to be held at once, in pieces as they arrive; they end with a ReplacedError when the object is
   * replaced meanwhile.
   */
  read(key: string): Promise<{ readonly etag: string; readonly pieces: AsyncIterable<Buffer> } | undefined>;
  /** @returns false where the condition does not hold (somebody else wrote) */
  put(key: string, body: string, condition?: { readonly ifMatch: string } | 'if absent'): Promise<boolean>;
  list(prefix: string): Promise<readonly string[]>;
  /** Common first parts of the keys below a prefix, each with its "/". */
  folders(prefix: string): Promise<readonly string[]>;
  remove(key: string): Promise<void>;
}

/** Nothing has arrived for this long. An archive may take minutes in all, and is fine as long as it comes. */
const STALLED_MS = 15_000;
const agent = new Agent({
  connections: 32,
  pipelining: 1,
  allowH2: false,
  connect: { timeout: 5_000 },
  headersTimeout: STALLED_MS,
  bodyTimeout: STALLED_MS,
});
const WRITE_MS = 60_000;
const PATIENCE = { busyMs: 60_000, passingMs: 30_000, doubtfulMs: 0 };

interface Call {
  readonly method: string;
  readonly url: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function openBucket(settings: S3Settings, tools: StepTools): Promise<Bucket> {
  const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all(
    [settings.accessKey, settings.secretKey, settings.sessionToken].map(async (reference) =>
      reference === undefined ? undefined : (await tools.secret(reference)).trim(),
    ),
  );
  const { region, prefix, bucket } = settings;
  const credentials = { accessKeyId: accessKeyId ?? '', secretAccessKey: secretAccessKey ?? '', region };
  const root = `${settings.endpoint.replace(/\/$/, '')}/${bucket}`;
  const where = `s3://${bucket}/${prefix}`;
  const urlOf = (key: string) => `${root}/${(prefix + key).split('/').map(encodeURIComponent).join('/')}`;

  async function ask(call: Call): Promise<Arriving> {
    const signed = await new AwsV4Signer({
      ...call,
      ...credentials,
      service: 's3',
      ...(sessionToken === undefined ? {} : { sessionToken }),
    }).sign();
    const { statusCode, headers, body } = await request(signed.url, {
      method: call.method as 'GET',
      dispatcher: agent,
      headers: Object.fromEntries(signed.headers),
      signal:
        call.method === 'GET' ? tools.signal : AbortSignal.any([AbortSignal.timeout(WRITE_MS), tools.signal]),
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    const etag = String(headers['etag'] ?? '');
    return { status: statusCode, etag, body, discard: () => body.dump() };
  }

  function openPatience(attempted: string): Patience {
    let startedAt = Date.now();
    let attempt = 1;
    return {
      renew: () => {
        startedAt = Date.now();
        attempt = 1;
      },
      after: async (error, kind) => {
        if (tools.signal.aborted) throw error;
        const elapsedMs = Date.now() - startedAt;
        const wait = nextAttemptIn({ class: kind, attempt, elapsedMs, random: Math.random() }, PATIENCE);
        if (wait === undefined)
          throw error instanceof S3Error
            ? error
            : new Error(`${attempted}: ${String(error)}`, { cause: error });
        attempt += 1;
        await sleep(wait, undefined, { signal: tools.signal });
      },
    };
  }

  /** Until one of the expected answers comes; `taken` is what is wanted of its body. */
  async function send<Taken>(
    call: Call,
    expected: readonly number[],
    take: (answer: Arriving) => Promise<Taken>,
    patience = openPatience(attemptedOf(call.method, call.url)),
  ): Promise<Taken> {
    for (;;) {
      try {
        const answer = await ask(call);
        if (expected.includes(answer.status)) return await take(answer);
        const code = codeOf((await wholeOf(answer)).toString('utf8'));
        throw new S3Error(attemptedOf(call.method, call.url), answer.status, code);
      } catch (error) {
        await patience.after(error, error instanceof S3Error ? classOf(error.status) : 'passing');
      }
    }
  }

  async function read(key: string) {
    const call = { method: 'GET', url: urlOf(key) };
    const patience = openPatience(attemptedOf('GET', call.url));
    const first = await send(call, [200, 404], asItArrives, patience);
    if (first.status === 200) {
      const again = (headers: Readonly<Record<string, string>>) =>
        send({ ...call, headers }, [200, 206, 412], asItArrives, patience);
      return { etag: first.etag, pieces: piecesOf(first, again, patience) };
    }
    const code = codeOf((await wholeOf(first)).toString('utf8'));
    if (neverByItself.has(code)) throw new S3Error(attemptedOf('GET', call.url), 404, code);
    return undefined;
  }

  async function listed(below: string, delimiter?: string) {
    const keys: string[] = [];
    const folders: string[] = [];
    for (let token: string | undefined; ;) {
      const query = new URLSearchParams({ 'list-type': '2', prefix: prefix + below, 'encoding-type': 'url' });
      if (delimiter !== undefined) query.set('delimiter', delimiter);
      if (token !== undefined) query.set('continuation-token', token);
      const call = { method: 'GET', url: `${root}?${query.toString()}` };
      const text = (await send(call, [200], wholeOf)).toString('utf8');
      const relative = (name: string) => decodeURIComponent(name.replaceAll('+', ' ')).slice(prefix.length);
      keys.push(...elements(text, 'Key').map(relative));
      folders.push(
        ...elements(text, 'CommonPrefixes')
          .flatMap((part) => elements(part, 'Prefix'))
          .map(relative),
      );
      token = elements(text, 'NextContinuationToken')[0];
      if (token === undefined) return { keys, folders };
    }
  }

  return {
    where,
    get: (key) =>
      againWhenReplaced(async () => {
        const found = await read(key);
        return found && { etag: found.etag, body: await joined(found.pieces) };
      }),
    read,
    put: async (key, body, condition) => {
      const headers: Record<string, string> = { 'content-type': 'application/json' };
      if (condition === 'if absent') headers['if-none-match'] = '*';
      else if (condition !== undefined) headers['if-match'] = condition.ifMatch;
      const call = { method: 'PUT', url: urlOf(key), body, headers };
      return send(call, condition === undefined ? [200] : [200, 409, 412], async (answer) => {
        await wholeOf(answer);
        return answer.status === 200;
      });
    },
    list: async (below) => (await listed(below)).keys,
    folders: async (below) => (await listed(below, '/')).folders,
    remove: async (key) => void (await send({ method: 'DELETE', url: urlOf(key) }, [200, 204, 404], wholeOf)),
  };
}

const asItArrives = async (answer: Arriving): Promise<Arriving> => answer;
const wholeOf = ({ body }: Arriving): Promise<Buffer> => joined(body);

const attemptedOf = (method: string, url: string): string =>
  `${method} ${decodeURIComponent(new URL(url).pathname)}`;

const classOf = (status: number): AnswerClass => {
  if (status === 429 || status === 503) return 'busy';
  return status >= 500 ? 'passing' : 'final';
};

const codeOf = (xml: string): string => elements(xml, 'Code')[0] ?? (xml.slice(0, 200) || 'no reason given');

/** Texts of the elements of a name in S3's flat XML. */
function elements(xml: string, name: string): readonly string[] {
  const pattern = new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g');
  return [...xml.matchAll(pattern)].map((match) => unescaped(match[1] ?? ''));
}

const unescaped = (text: string): string =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#34;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
