import type { Parsed } from '../../domain/schema/gateway-messages.ts';
import { parsePromiseRequest, parseRules } from '../../domain/schema/gateway-messages.ts';
import { noUnit, type StampedRules } from '../../domain/routing.ts';
import { rulesDigest } from '../../domain/rules-digest.ts';
import type { GatewayAgent } from './agent.ts';
import type { GatewayAgentConfig } from './config.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { ProxyKeeper } from './proxy-keeper.ts';

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The caller's mistake, said so that it can be mended. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface Routes {
  readonly [path: string]: {
    readonly method: 'GET' | 'POST';
    answer(query: URLSearchParams, body: unknown): Promise<unknown>;
  };
}

/** The agent's HTTP interface; messages in domain/gateway-protocol.ts. */
export function agentRoutes(
  config: GatewayAgentConfig,
  agent: GatewayAgent,
  proxy: ProxyKeeper,
  leases: () => LeaseKeeper,
): Routes {
  const sameDomain = (domain: string | null) => {
    if (domain !== config.domain) {
      throw new HttpProblem(400, `domain: expected ${config.domain}, seen ${JSON.stringify(domain)}`);
    }
  };
  return {
    '/v1/state': { method: 'GET', answer: () => agent.state(leases().notRenewing()) },
    '/v1/promise': {
      method: 'POST',
      answer: async (_query, body) => {
        const { domain, epoch, operation } = parsed(parsePromiseRequest(body));
        sameDomain(domain);
        return agent.promise({ epoch, operation });
      },
    },
    '/v1/rules': {
      method: 'POST',
      answer: async (_query, body) => {
        const rules = parsed(parseRules(body));
        sameDomain(rules.domain);
        checkRules(rules, config, proxy.units());
        return agent.accept(rules);
      },
    },
    '/v1/peer': {
      method: 'GET',
      answer: async (query) => {
        sameDomain(query.get('domain'));
        const from = query.get('from') ?? '';
        if (!Object.hasOwn(config.peers, from)) {
          throw new HttpProblem(
            400,
            `from: expected one of ${Object.keys(config.peers).join(', ')}, seen ${JSON.stringify(from)}`,
          );
        }
        return agent.peerAnswer();
      },
    },
    '/v1/inflight': {
      method: 'GET',
      answer: async (query) => {
        const unit = query.get('unit') ?? '';
        const units = proxy.units() ?? [];
        if (!units.includes(unit)) {
          throw new HttpProblem(
            400,
            `unit: expected one of ${units.join(', ')}, seen ${JSON.stringify(unit)}`,
          );
        }
        const { writes, earlier } = await proxy.inflight(unit, agent.record.accepted);
        return { gateway: config.gateway, unit, writes, ...(earlier === undefined ? {} : { earlier }) };
      },
    },
  };
}

function parsed<Message>(result: Parsed<Message>): Message {
  if (!result.ok) throw new HttpProblem(400, result.problems.join('; '));
  return result.message;
}

/** What the shape alone cannot tell. Nothing is promised, stored or changed before all of it holds. */
function checkRules(
  rules: StampedRules,
  config: GatewayAgentConfig,
  units: readonly string[] | undefined,
): void {
  const problem = (message: string) => new HttpProblem(400, message);
  if (rules.table.length !== config.buckets) {
    throw problem(`table: expected ${config.buckets} buckets, seen ${rules.table.length}`);
  }
  const digest = rulesDigest(rules);
  if (digest !== rules.digest) throw problem(`digest: expected ${digest}, seen ${rules.digest}`);
  const gateways = [config.gateway, ...Object.keys(config.peers)];
  const stranger = rules.members.find((member) => !gateways.includes(member));
  if (stranger !== undefined) {
    throw problem(`members: expected some of ${gateways.sort().join(', ')}, seen ${stranger}`);
  }
  if (rules.members.some((member, index) => index > 0 && (rules.members[index - 1] ?? '') >= member)) {
    throw problem('members: expected each once and sorted');
  }
  const nowhere = rules.table.findIndex((rule) => rule.unit === noUnit && rule.state === 'open');
  if (nowhere !== -1) throw problem(`table.${nowhere}: "${noUnit}" is no unit and cannot be open`);
  if (units === undefined) return; // the proxy has never been reached: nothing is acknowledged then either
  const unknown = rules.table.find((rule) => rule.unit !== noUnit && !units.includes(rule.unit));
  if (unknown !== undefined) {
    throw problem(`table: this proxy has backends for ${units.join(', ')}, seen unit ${unknown.unit}`);
  }
}
