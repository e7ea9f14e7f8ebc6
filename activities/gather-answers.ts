import { majorityOf } from '../domain/lease.ts';
import { GatewaySilent, type GatewayClient } from './gateways.ts';

export type Gathered<Answer> = Answer | { readonly gateway: string; readonly silent: string };

/** How much longer than the majority a gateway may take: one that is cut off keeps us waiting for nothing. */
const graceMs = 300;

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
  const answers = new Map<string, Gathered<Answer>>();
  let answered = 0;
  const running = gateways.map(async (gateway) => {
    const { name } = gateway;
    try {
      answers.set(name, await ask(gateway));
      answered += 1;
    } catch (error) {
      if (!(error instanceof GatewaySilent)) throw error;
      answers.set(name, { gateway: name, silent: error.message });
    }
  });
  const all = Promise.all(running);
  const unhurried = Promise.all(running.filter((_, index) => needed.includes(gateways[index]?.name ?? '')));
  await Promise.race([all, unhurried.then(() => majorityAndGrace(running, () => answered))]);
  all.catch(() => undefined); // who is late has nobody listening any more
  return gateways.map(
    ({ name }) =>
      answers.get(name) ?? { gateway: name, silent: `does not answer (${graceMs} ms after a majority has)` },
  );
}

/** Returns a while after a majority has answered; never when none does: then all of them are waited for. */
async function majorityAndGrace(running: readonly Promise<void>[], answered: () => number): Promise<void> {
  const open = [...running];
  await new Promise<void>((resolve) => {
    const look = () => {
      if (answered() >= majorityOf(open.length)) resolve();
    };
    look();
    for (const one of open) one.then(look, () => undefined);
  });
  await new Promise((resolve) => setTimeout(resolve, graceMs));
}
