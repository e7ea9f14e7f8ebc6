import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { json } from 'node:stream/consumers';
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

interface Review {
  readonly apiVersion: string;
  readonly request: { readonly uid: string };
}

const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
  if (request.method !== 'POST') {
    response.end('ok');
    return;
  }
  json(request).then(
    (body) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(admit(body as Review)));
    },
    () => {
      response.statusCode = 400;
      response.end();
    },
  );
});
server.listen(Number(port), '127.0.0.1');

function admit({ apiVersion, request }: Review) {
  return { apiVersion, kind: 'AdmissionReview', response: { uid: request.uid, allowed: true } };
}
