import type { GatewayState } from '../domain/gateway-protocol.ts';
import { observedGateways, type ObservedGateways } from '../domain/observed-gateways.ts';
import type { Operation } from '../domain/operation.ts';
import { GatewaySilent, type GatewayClient } from './gateways.ts';

export type GatewayAnswer = GatewayState | { readonly gateway: string; readonly silent: string };

/** Asks every gateway at once; one that does not answer is part of the picture. */
export const readGateways = (gateways: readonly GatewayClient[]): Promise<readonly GatewayAnswer[]> =>
  Promise.all(
    gateways.map(async (gateway) => {
      try {
        return await gateway.state();
      } catch (error) {
        if (error instanceof GatewaySilent) return { gateway: gateway.name, silent: error.message };
        throw error;
      }
    }),
  );

export const observeGateways = async (
  gateways: readonly GatewayClient[],
  operation: Operation,
): Promise<ObservedGateways> => observedGateways(await readGateways(gateways), operation);
