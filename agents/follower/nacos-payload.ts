import protobuf from 'protobufjs';

/**
 * The envelope of everything that is said to Nacos by gRPC: the name of a message and its JSON. Field numbers are the
 * server's; the names are ours.
 */
const schema = `
syntax = "proto3";
message Envelope {
  Head head = 2;
  Body body = 3;
}
message Head {
  string messageName = 3;
  map<string, string> headers = 7;
  string senderAddress = 8;
}
message Body {
  string typeUrl = 1;
  bytes json = 2;
}`;

const envelope = protobuf.parse(schema).root.lookupType('Envelope');

export interface NacosMessage {
  readonly type: string;
  readonly headers: { readonly [name: string]: string };
  readonly senderAddress: string;
  readonly body: { readonly [field: string]: unknown };
}

export const encodeMessage = (message: NacosMessage): Buffer =>
  Buffer.from(
    envelope
      .encode({
        head: { messageName: message.type, headers: message.headers, senderAddress: message.senderAddress },
        body: { json: Buffer.from(JSON.stringify(message.body)) },
      })
      .finish(),
  );

export function decodeMessage(bytes: Buffer): NacosMessage {
  const { head, body } = envelope.decode(bytes) as unknown as {
    head?: { messageName: string; headers: { [name: string]: string }; senderAddress: string };
    body?: { json: Uint8Array };
  };
  const json = Buffer.from(body?.json ?? []).toString('utf8');
  return {
    type: head?.messageName ?? '',
    headers: head?.headers ?? {},
    senderAddress: head?.senderAddress ?? '',
    body: json === '' ? {} : (JSON.parse(json) as { [field: string]: unknown }),
  };
}
