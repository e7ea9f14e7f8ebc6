import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { PeerAnswer } from '../../domain/gateway-protocol.ts';
import { rulesDigest } from '../../domain/rules-digest.ts';
import { parsePeerAnswer } from '../../domain/schema/gateway-messages.ts';
import type { TlsFiles } from './tls.ts';

/** The other agents of the domain. */
export interface Peers {
  readonly names: readonly string[];
  /**
   * Asks all of them at once. Resolves when `enough` answers are there, all have answered or failed, or the time is
   * up; answers that come later are still handed to `heard`.
   */
  ask(enough: number, timeoutMs: number, heard: (answer: PeerAnswer) => void): Promise<readonly PeerAnswer[]>;
  close(): void;
}

const largestAnswerBytes = 4 * 1024 * 1024;

export function peersOf(
  own: { readonly gateway: string; readonly domain: string },
  urls: { readonly [peer: string]: string },
  tls: TlsFiles | undefined,
): Peers {
  const http = new HttpAgent({ keepAlive: true });
  const https = new HttpsAgent({ keepAlive: true, ...tls });
  const query = `/v1/peer?domain=${encodeURIComponent(own.domain)}&from=${encodeURIComponent(own.gateway)}`;

  const askOne = async (peer: string, base: string, timeoutMs: number): Promise<PeerAnswer> => {
    const url = new URL(base.replace(/\/$/, '') + query);
    const text = await get(url, url.protocol === 'https:' ? https : http, timeoutMs);
    const parsed = parsePeerAnswer(JSON.parse(text));
    if (!parsed.ok) throw new Error(`peer ${peer}: ${parsed.problems.join('; ')}`);
    const { message } = parsed;
    if (message.gateway !== peer) throw new Error(`peer ${peer}: ${base} says it is ${message.gateway}`);
    if (message.accepted.domain !== own.domain || rulesDigest(message.accepted) !== message.accepted.digest) {
      throw new Error(`peer ${peer}: its rules do not match their digest or domain`);
    }
    return message;
  };

  return {
    names: Object.keys(urls),
    ask: (enough, timeoutMs, heard) =>
      new Promise((resolve) => {
        const answers: PeerAnswer[] = [];
        let open = Object.keys(urls).length;
        const finish = () => resolve([...answers]);
        if (open === 0) finish();
        for (const [peer, base] of Object.entries(urls)) {
          void askOne(peer, base, timeoutMs)
            .then((answer) => {
              answers.push(answer);
              heard(answer);
            })
            .catch(() => undefined) // silent, cut off or talking nonsense: for a majority all the same
            .finally(() => {
              open -= 1;
              if (open === 0 || answers.length >= enough) finish();
            });
        }
      }),
    close: () => {
      http.destroy();
      https.destroy();
    },
  };
}

function get(url: URL, agent: HttpAgent, timeoutMs: number): Promise<string> {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, { agent, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > largestAnswerBytes) request.destroy(new Error('answer too large'));
        else chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`HTTP ${response.statusCode}: ${text.slice(0, 200)}`));
      });
    });
    request.once('error', reject);
    request.end();
  });
}
