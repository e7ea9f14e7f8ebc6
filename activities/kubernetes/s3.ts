import { setTimeout as sleep } from 'node:timers/promises';
import { AwsV4Signer } from 'aws4fetch';
import { Agent, request } from 'undici';
import { nextAttemptIn, type AnswerClass } from '../../domain/kubernetes/answers.ts';
import type { S3Settings } from '../../domain/schema/kubernetes.ts';
import type { StepTools } from '../tools.ts';
import { openDownload, type Download } from './s3-download.ts';

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

  async function once(call: Call, download: Download | undefined) {
    const signed = await new AwsV4Signer({
      ...call,
      headers: { ...call.headers, ...download?.headers() },
      ...credentials,
      service: 's3',
      ...(sessionToken === undefined ? {} : { sessionToken }),
    }).sign();
    const answer = await request(signed.url, {
      method: call.method as 'GET',
      dispatcher: agent,
      headers: Object.fromEntries(signed.headers),
      signal:
        call.method === 'GET' ? tools.signal : AbortSignal.any([AbortSignal.timeout(WRITE_MS), tools.signal]),
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    const { statusCode: status, body } = answer;
    const etag = String(answer.headers['etag'] ?? '');
    if (download !== undefined && (status === 200 || status === 206))
      return { status: 200, etag, body: await download.take({ status, etag, body }) };
    return { status, etag, body: Buffer.from(await body.arrayBuffer()) };
  }

  async function send(call: Call, expected: readonly number[], download?: Download) {
    let startedAt = Date.now();
    const attempted = attemptedOf(call.method, call.url);
    for (let attempt = 1, arrived = 0; ; attempt += 1) {
      let trouble: { readonly error: unknown; readonly class: AnswerClass };
      try {
        const answer = await once(call, download);
        if (expected.includes(answer.status)) return answer;
        if (answer.status === 412 && download !== undefined) {
          download.beginAnew();
          throw new Error('was replaced while it was read');
        }
        const error = new S3Error(attempted, answer.status, codeOf(answer.body.toString('utf8')));
        trouble = { error, class: classOf(answer.status) };
      } catch (error) {
        if (tools.signal.aborted) throw error;
        trouble = { error: new Error(`${attempted}: ${String(error)}`, { cause: error }), class: 'passing' };
      }
      if (download !== undefined && download.arrived() > arrived) {
        startedAt = Date.now(); // it comes, if in pieces: patience begins anew
        attempt = 1;
      }
      arrived = download?.arrived() ?? 0;
      const elapsedMs = Date.now() - startedAt;
      const wait = nextAttemptIn(
        { class: trouble.class, attempt, elapsedMs, random: Math.random() },
        PATIENCE,
      );
      if (wait === undefined) throw trouble.error;
      await sleep(wait, undefined, { signal: tools.signal });
    }
  }

  async function listed(below: string, delimiter?: string) {
    const keys: string[] = [];
    const folders: string[] = [];
    for (let token: string | undefined; ;) {
      const query = new URLSearchParams({ 'list-type': '2', prefix: prefix + below, 'encoding-type': 'url' });
      if (delimiter !== undefined) query.set('delimiter', delimiter);
      if (token !== undefined) query.set('continuation-token', token);
      const answer = await send({ method: 'GET', url: `${root}?${query.toString()}` }, [200]);
      const text = answer.body.toString('utf8');
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
    get: async (key) => {
      const { status, body, etag } = await send(
        { method: 'GET', url: urlOf(key) },
        [200, 404],
        openDownload(),
      );
      const code = status === 404 ? codeOf(body.toString('utf8')) : '';
      if (neverByItself.has(code)) throw new S3Error(attemptedOf('GET', urlOf(key)), 404, code);
      return status === 200 ? { body, etag } : undefined;
    },
    put: async (key, body, condition) => {
      const headers: Record<string, string> = { 'content-type': 'application/json' };
      if (condition === 'if absent') headers['if-none-match'] = '*';
      else if (condition !== undefined) headers['if-match'] = condition.ifMatch;
      const call = { method: 'PUT', url: urlOf(key), body, headers };
      const { status } = await send(call, condition === undefined ? [200] : [200, 409, 412]);
      return status === 200;
    },
    list: async (below) => (await listed(below)).keys,
    folders: async (below) => (await listed(below, '/')).folders,
    remove: async (key) => void (await send({ method: 'DELETE', url: urlOf(key) }, [200, 204, 404])),
  };
}

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
