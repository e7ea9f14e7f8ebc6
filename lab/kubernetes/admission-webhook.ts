import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { parseArgs } from 'node:util';

// Stands for Knative's webhook of one site: it admits everything, as long as it is there to be asked.
const { values } = parseArgs({
  options: { cert: { type: 'string' }, key: { type: 'string' }, port: { type: 'string' } },
});
const { cert, key, port } = values;
if (cert === undefined || key === undefined || port === undefined) {
  console.error('usage: admission-webhook.ts --cert FILE --key FILE --port N');
  process.exit(64);
}

const server = createServer(
  { cert: readFileSync(cert), key: readFileSync(key) },
  async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    if (text === '') {
      response.end('ok');
      return;
    }
    const review = JSON.parse(text) as {
      readonly apiVersion: string;
      readonly request: { readonly uid: string };
    };
    const answer = { uid: review.request.uid, allowed: true };
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ apiVersion: review.apiVersion, kind: 'AdmissionReview', response: answer }),
    );
  },
);
server.listen(Number(port), '127.0.0.1');
