import { majorityOf } from '../domain/lease.ts';
import { GatewaySilent, type GatewayClient } from './gateways.ts';
import { gatherInTime, graceMs } from './gather-in-time.ts';

export type Gathered<Answer> = Answer | { readonly gateway: string; readonly silent: string };

/**
 * Asks every gateway at once. A gateway that fails, or that a majority has left behind, is part of the answer.
 * @param needed gateways that are given their full time whatever the others do
 * @throws what is no silence, e.g. a request that the agent finds wrong
 */
export async function gatherAnswers<Answer>(
  gateways: readonly GatewayClient[],
  ask: (gateway: GatewayClient) => Promise<Answer>,
  needed: readonly string[] = [],
): Promise<readonly Gathered<Answer>[]> {
  const majority = Promise.withResolvers<void>();
  let answered = 0;
  const askOne = async (gateway: GatewayClient): Promise<Gathered<Answer>> => {
    try {
      const answer = await ask(gateway);
      answered += 1;
      if (answered >= majorityOf(gateways.length)) majority.resolve();
      return answer;
    } catch (error) {
      if (!(error instanceof GatewaySilent)) throw error;
      return { gateway: gateway.name, silent: error.message };
    }
  };
  const looks = gateways.map((gateway) => ({
    name: gateway.name,
    look: askOne(gateway),
    late: { gateway: gateway.name, silent: `does not answer (${graceMs} ms after a majority has)` },
  }));
  const unhurried = looks.filter(({ name }) => needed.includes(name)).map(({ look }) => look);
  return gatherInTime<Gathered<Answer>>(looks, Promise.all([majority.promise, ...unhurried]), graceMs);
}
