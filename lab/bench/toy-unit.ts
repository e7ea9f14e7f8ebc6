import { createWriteStream } from 'node:fs';
import { createServer } from 'node:http';

/**
 * A unit that does nothing but log what it accepted: node toy-unit.ts UNIT PORT LOGFILE. It trusts the gateways
 * completely, so that its log shows every mistake of theirs; `x-hold-ms` keeps a request in flight.
 */
const [unit = '', port = '', logFile = ''] = process.argv.slice(2);
const log = createWriteStream(logFile, { flags: 'a' });

const server = createServer((request, response) => {
  const { headers } = request;
  request.resume();
  request.once('end', () => {
    setTimeout(
      () => {
        if (request.method !== 'GET' && request.method !== 'HEAD') {
          log.write(
            `${JSON.stringify({
              at: performance.timeOrigin + performance.now(),
              user: headers['x-user-id'],
              seq: Number(headers['x-seq'] ?? 0),
              unit,
              sentTo: headers['x-unit'],
              epoch: Number(headers['x-epoch']),
              bucket: Number(headers['x-bucket']),
            })}\n`,
          );
        }
        response.writeHead(200, { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(unit) });
        response.end(unit);
      },
      Number(headers['x-hold-ms'] ?? 0),
    );
  });
});
server.keepAliveTimeout = 120_000;
server.listen(Number(port), '127.0.0.1');
process.once('SIGTERM', () => log.end(() => process.exit(0)));
