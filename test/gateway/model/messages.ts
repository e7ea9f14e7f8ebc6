import type { PeerAnswer } from '../../../domain/gateway-protocol.ts';
import type { ModelGateway } from './agent.ts';
import type { ModelOrchestrator, Reply, Request } from './orchestrator.ts';

export type Message =
  | {
      readonly kind: 'request';
      readonly to: ModelGateway;
      readonly from: ModelOrchestrator;
      readonly generation: number;
      readonly request: Request;
    }
  | {
      readonly kind: 'reply';
      readonly to: ModelOrchestrator;
      readonly from: ModelGateway;
      readonly generation: number;
      readonly reply: Reply;
    }
  | {
      readonly kind: 'question';
      readonly to: ModelGateway;
      readonly from: ModelGateway;
      readonly round: number;
    }
  | {
      readonly kind: 'answer';
      readonly to: ModelGateway;
      readonly from: ModelGateway;
      readonly round: number;
      readonly answer: PeerAnswer;
    };

export function describe(message: Message): string {
  if (message.kind !== 'request') return message.kind;
  const { request } = message;
  if (request.kind === 'state') return 'asks for the state';
  if (request.kind === 'promise') return `promise ${request.epoch} ${request.operation}`;
  const table = request.rules.table.map((rule) => `${rule.unit} ${rule.state}`).join(',');
  return `rules ${request.rules.epoch} ${request.rules.operation} ${table}`;
}
