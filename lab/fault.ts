import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { checkFault, faultSocket, faultUsage, type FaultAnswer } from './fault-commands.ts';
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
  checkFault(positionals);
  const file = join(values.folder, faultSocket);
  const socket = connect(file);
  socket.end(JSON.stringify(positionals));
  const { exitCode, text: said } = await answerOf(socket).catch((cause: unknown) => {
    throw new Error(`no lab answers at ${file} (${String(cause)}): start one with npm run lab`);
  });
  if (exitCode === 0) console.log(said);
  else console.error(exitCode === 2 ? `${said}\n${faultUsage}` : `✗ ${said}`);
  process.exitCode = exitCode;
}

async function answerOf(socket: Socket): Promise<FaultAnswer> {
  return JSON.parse(await text(socket)) as FaultAnswer;
}
