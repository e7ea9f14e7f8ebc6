import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { faultSocket, faultUsage } from './fault-commands.ts';
import { tellErrors } from './tell-errors.ts';
import { repositoryFile } from './sites/start-worker.ts';

tellErrors(faultUsage);
const { values, positionals } = parseArgs({
  options: {
    folder: { type: 'string', default: repositoryFile('.siteshift/lab') },
    help: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

if (values.help || positionals.length === 0) console.log(faultUsage);
else {
  const file = join(values.folder, faultSocket);
  const socket = connect(file);
  socket.end(JSON.stringify(positionals));
  const answer = await text(socket).catch(
    (error: unknown) => `✗ no lab answers at ${file} (${String(error)}): start one with npm run lab\n`,
  );
  process.stdout.write(answer);
  if (answer.startsWith('✗')) process.exitCode = 1;
}
