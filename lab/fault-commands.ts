import { createServer, type Server } from 'node:net';
import { rmSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { cut, delay, heal, kill, loseSite, partition, pause } from './faults.ts';
import type { PathCut } from './process/paths.ts';
import { dataSites, type DataSite } from './sites/layout.ts';
import type { TwoSiteLab } from './two-site-lab.ts';

export const faultUsage = `npm run fault -- [--folder DIR] COMMAND      in the lab that runs in that folder
  list                            what runs, and which paths are cut or delayed
  lose SITE                       kill -9 of everything in it
  kill|pause|resume|start PART    SIGKILL, SIGSTOP, SIGCONT, start anew
  cut FROM TO [silence|drop]      what FROM opens to TO: nothing passes (silence), or is reset
  partition ONE OTHER [silence|drop]    both ways
  delay FROM TO MS                in each direction
  heal                            every path is open again
FROM and TO: a part, a site (east, west, edge: all of its parts) or outside (users, the CLI).`;

type Command = (lab: TwoSiteLab, ...words: string[]) => Promise<readonly string[]> | readonly string[];

const said = (line: string): readonly string[] => [line];

const commands: { readonly [name: string]: Command } = {
  list: (lab) => [
    ...lab.supervisor.list().map((part) => `${part.name} ${part.alive() ? part.pid : 'is gone'}`),
    ...lab.paths.rules(),
  ],
  lose: async (lab, site) => (await loseSite(lab, siteOf(site))).map((name) => `gone: ${name}`),
  kill: async (lab, part = '') => {
    await kill(lab, part);
    return said(`gone: ${part}`);
  },
  pause: (lab, part = '') => said(`stopped: ${pause(lab, part).name}`),
  resume: (lab, part = '') => {
    lab.part(part).resume();
    return said(`goes on: ${part}`);
  },
  start: async (lab, part = '') => {
    await lab.part(part).restart();
    return said(`runs: ${part}`);
  },
  cut: (lab, from = '', to = '', mode) => cut(lab, from, to, modeOf(mode)),
  partition: (lab, one = '', other = '', mode) => partition(lab, one, other, modeOf(mode)),
  delay: (lab, from = '', to = '', ms) => delay(lab, from, to, milliseconds(ms)),
  heal: (lab) => {
    heal(lab);
    return said('every path is open');
  },
};

/** @throws Error with what was expected */
export async function runFault(lab: TwoSiteLab, words: readonly string[]): Promise<readonly string[]> {
  const [name = '', ...rest] = words;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) throw new Error(`expected a command, saw "${name}"\n${faultUsage}`);
  return command(lab, ...rest);
}

/** Takes one command a connection, as a JSON list of words, and answers with lines; only this user can connect. */
export function listenForFaults(lab: TwoSiteLab, socketFile: string): Server {
  rmSync(socketFile, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    text(socket)
      .then((asked) => runFault(lab, JSON.parse(asked) as string[]))
      .then(
        (lines) => socket.end(`${lines.join('\n')}\n`),
        (error: unknown) => socket.end(`✗ ${error instanceof Error ? error.message : String(error)}\n`),
      );
  });
  return server.listen(socketFile);
}

export const faultSocket = 'faults.sock';

function siteOf(word = ''): DataSite {
  const site = dataSites.find((one) => one === word);
  if (site === undefined) throw new Error(`site: expected ${dataSites.join(' or ')}, saw "${word}"`);
  return site;
}

function modeOf(word = 'silence'): PathCut {
  if (word === 'silence' || word === 'drop') return word;
  throw new Error(`how: expected silence or drop, saw "${word}"`);
}

function milliseconds(word = ''): number {
  const ms = Number(word);
  if (word !== '' && Number.isFinite(ms) && ms >= 0) return ms;
  throw new Error(`delay: expected a number of ms, saw "${word}"`);
}
