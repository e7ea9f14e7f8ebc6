import { majorityOf } from '../domain/lease.ts';
import type { ObservedTopology } from '../domain/plan.ts';
import type { GatewayParameters } from '../domain/step-parameters.ts';
import { withGateways } from './gateways.ts';
import { readGateways } from './observe-gateways.ts';
import type { StepTools } from './tools.ts';

export interface ObservedRouting {
  readonly routing?: NonNullable<ObservedTopology['routing']>;
  readonly gaps: readonly string[];
}

/** The table with the highest epoch that any gateway has accepted, and what could not be read. */
export const observeRouting = (parameters: GatewayParameters, tools: StepTools): Promise<ObservedRouting> =>
  withGateways(parameters, tools, async (gateways) => {
    const answers = await readGateways(gateways);
    const states = answers.flatMap((answer) => ('silent' in answer ? [] : [answer]));
    const gaps = answers.flatMap((answer) =>
      'silent' in answer ? [`gateway ${answer.gateway} ${answer.silent}`] : [],
    );
    if (states.length > 0 && states.length < majorityOf(answers.length)) {
      gaps.push(
        `routing: only ${states.length} of ${answers.length} gateways answer; the others may have accepted something newer`,
      );
    }
    const accepted = states.map((state) => state.accepted).sort((a, b) => b.epoch - a.epoch)[0];
    if (accepted === undefined) return { gaps: [...gaps, 'routing: no gateway could be asked'] };
    if (accepted.epoch === 0) return { gaps: [...gaps, 'routing: the gateways have no rules yet'] };
    for (const state of states) {
      if (state.proxyError !== undefined) gaps.push(`gateway ${state.gateway}: ${state.proxyError}`);
      else if (state.accepted.digest !== accepted.digest) {
        gaps.push(
          `gateway ${state.gateway} is at epoch ${state.accepted.epoch}, not yet at ${accepted.epoch}`,
        );
      }
    }
    const { epoch, operation, table } = accepted;
    return { routing: { epoch, operation, table }, gaps };
  });
