import type { GatewayState } from '../domain/gateway-protocol.ts';
import { observedGateways, type ObservedGateways } from '../domain/observed-gateways.ts';
import type { Operation } from '../domain/operation.ts';
import { gatherAnswers } from './gather-answers.ts';
import type { GatewayClient } from './gateways.ts';

export type GatewayAnswer = GatewayState | { readonly gateway: string; readonly silent: string };

/** What every gateway says of itself. @param needed see gatherAnswers */
export const readGateways = (
  gateways: readonly GatewayClient[],
  needed: readonly string[] = [],
): Promise<readonly GatewayAnswer[]> => gatherAnswers(gateways, (gateway) => gateway.state(), needed);

export const observeGateways = async (
  gateways: readonly GatewayClient[],
  operation: Operation,
  needed: readonly string[] = [],
): Promise<ObservedGateways> => observedGateways(await readGateways(gateways, needed), operation);
