import { createHash } from 'node:crypto';
import { registryGroup, registryService } from '../domain/datasource-document.ts';
import type { NacosCenter } from '../domain/schema/inventory.ts';
import { callHttp, jsonObject, type HttpAnswer } from './call-json.ts';
import type { CasVerdict, CenterContent, CenterKey, ConfigCenterDriver, Published } from './config-center.ts';
import { dialects, isSpoken, type NacosApi, type NacosCall } from './nacos-api.ts';
import { registeredConsumers } from './registered-consumers.ts';
import type { StepTools } from './tools.ts';

const callMs = 3_000;
/** How long a server without the v3 API may take to show what it has stored (33-100 ms were seen). */
const visibleWithinMs = 3_000;
/** Compared with the md5 of what is stored; no content has this one. */
const impossibleMd5 = md5('siteshift: expected to be absent');
const scratch: CenterKey = { key: 'siteshift.cas-probe', group: registryGroup };

/** What was found out about a server and holds until this process ends, or until it answers otherwise. */
interface KnownServer {
  api?: NacosApi;
  token?: { readonly value: string; readonly renewAt: number };
}
const knownServers = new Map<string, KnownServer>();

export function openNacos(center: NacosCenter, tools: StepTools): ConfigCenterDriver {
  const where = `Nacos at ${center.url}`;
  const server = nacosServer(center, tools);

  const read = async (at: CenterKey): Promise<CenterContent | undefined> => {
    const { read: ask, readAnswer } = dialects[await server.api()];
    const deadline = tools.now() + visibleWithinMs;
    for (;;) {
      const answer = await server.call(ask(at, center.namespace));
      const found = readAnswer(answer);
      if (found === 'absent') return undefined;
      if (found === 'failed' || (found === 'busy' && tools.now() >= deadline)) {
        throw unexpected(`${where}: reading ${at.key}`, answer);
      }
      if (found !== 'busy') return { content: found.content, token: md5(found.content) };
      await tools.sleep(20);
    }
  };

  const publish = async (
    at: CenterKey,
    content: string,
    expected: string | undefined,
  ): Promise<Published> => {
    const { write, writeAnswer, lags } = dialects[await server.api()];
    // As a header only: as a form field it is ignored, and the write goes through whatever it says.
    const answer = await server.call(write(at, center.namespace, content), {
      casMd5: expected ?? impossibleMd5,
    });
    const said = writeAnswer(answer);
    if (said === 'failed') throw unexpected(`${where}: publishing ${at.key}`, answer);
    if (said === 'conflict') return { kind: 'conflict' };
    const token = md5(content);
    if (lags) await untilVisible(at, token);
    return { kind: 'published', token };
  };

  /** A read that still shows the old content would make the next writer compare with the wrong thing. */
  const untilVisible = async (at: CenterKey, token: string): Promise<void> => {
    const deadline = tools.now() + visibleWithinMs;
    while ((await read(at))?.token !== token && tools.now() < deadline) await tools.sleep(20);
  };

  return {
    where,
    tellsAtOnce: false,
    read,
    publish,
    consumers: async (datasource) => {
      const { instances, instancesOf } = dialects[await server.api()];
      const call = instances(registryService(datasource), registryGroup, center.namespace);
      const answer = await server.call(call);
      const found = instancesOf(answer);
      if (found === 'failed') throw unexpected(`${where}: listing the consumers of ${datasource}`, answer);
      return registeredConsumers(found.filter(isHealthy).map(entryOf), datasource, tools.log);
    },
    probe: () => probe(where, read, publish),
  };
}

/** Servers that speak the protocol and ignore the comparison exist: only trying tells. */
async function probe(
  where: string,
  read: ConfigCenterDriver['read'],
  publish: ConfigCenterDriver['publish'],
): Promise<CasVerdict> {
  if ((await read(scratch)) === undefined)
    await publish(scratch, 'siteshift tries compare-and-set here', undefined);
  const wrong = md5(`not what is stored ${Math.random()}`);
  const tried = await publish(scratch, 'this was written in spite of a wrong md5', wrong);
  if (tried.kind === 'conflict') return { isReal: true, how: 'a publish with a wrong md5 was refused' };
  const why = `${where} published in spite of a wrong casMd5: it (or something in front of it) ignores compare-and-set, so a late or second orchestrator could overwrite a newer datasource`;
  return { isReal: false, why };
}

function nacosServer(center: NacosCenter, tools: StepTools) {
  const { url, namespace, auth } = center;
  const base = url.replace(/\/$/, '');
  const identity = `${base} ${auth?.user ?? ''}`;
  const known = knownServers.get(identity) ?? {};
  knownServers.set(identity, known);

  const send = ({ method, path, form }: NacosCall, headers: { readonly [name: string]: string }) => {
    const fields = new URLSearchParams(form).toString();
    return callHttp({
      method,
      url: `${base}${path}${method === 'GET' ? `?${fields}` : ''}`,
      headers: {
        ...headers,
        ...(method === 'POST' ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      },
      ...(method === 'POST' ? { body: fields } : {}),
      timeoutMs: callMs,
      signal: tools.signal,
    });
  };

  const token = async (): Promise<{ readonly [name: string]: string }> => {
    if (auth === undefined) return {};
    if (known.token === undefined || known.token.renewAt <= tools.now()) {
      known.token = await logIn(auth.user, await tools.secret(auth.password));
    }
    return { accessToken: known.token.value };
  };

  const logIn = async (username: string, password: string) => {
    let answer: HttpAnswer = { status: 0, text: '' };
    for (const path of ['/v3/auth/user/login', '/v1/auth/login']) {
      answer = await send({ method: 'POST', path, form: { username, password } }, {});
      const { accessToken, tokenTtl } = jsonObject(answer.text);
      if (typeof accessToken === 'string') {
        return { value: accessToken, renewAt: tools.now() + Number(tokenTtl ?? 600) * 800 };
      }
      if (answer.status !== 404) break;
    }
    throw new Error(`${base}: log-in of ${username} refused with status ${answer.status}`);
  };

  /** A token may be ended early, by a restart of the server for one: asked for anew, once. */
  const call = async (
    request: NacosCall,
    headers: { readonly [name: string]: string } = {},
  ): Promise<HttpAnswer> => {
    const answer = await send(request, { ...headers, ...(await token()) });
    if (auth === undefined || (answer.status !== 401 && answer.status !== 403)) return answer;
    delete known.token;
    return send(request, { ...headers, ...(await token()) });
  };

  const api = async (): Promise<NacosApi> => {
    if (known.api !== undefined) return known.api;
    const seen: string[] = [];
    for (const candidate of ['v3', 'v2', 'v1'] as const) {
      const answer = await call(dialects[candidate].read(scratch, namespace));
      if (isSpoken(candidate, answer)) {
        known.api = candidate;
        return candidate;
      }
      seen.push(`${candidate}: status ${answer.status}`);
    }
    throw new Error(`${base}: expected one of Nacos' HTTP APIs, seen ${seen.join(', ')}`);
  };

  return { call, api };
}

/** Without a heartbeat for 15 s; the entry itself stays for 15 s more. */
const isHealthy = (instance: unknown): boolean => (instance as { healthy?: unknown }).healthy !== false;

/** Metadata of instances are texts. */
function entryOf(instance: unknown): unknown {
  const { metadata } = instance as { metadata?: { readonly [name: string]: unknown } };
  return { ...metadata, epoch: Number(metadata?.['epoch'] ?? Number.NaN) };
}

function md5(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}

const unexpected = (what: string, { status, text }: HttpAnswer): Error =>
  new Error(`${what}: seen status ${status} ${text.slice(0, 200)}`);
