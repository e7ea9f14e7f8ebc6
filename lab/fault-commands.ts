import { createServer, type Server } from 'node:net';
import { rmSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { cut, delay, heal, kill, loseSite, partition, pause } from './faults.ts';
import { outside, type PathCut } from './process/paths.ts';
import { dataSites, edge, type DataSite } from './sites/layout.ts';
import { WrongArguments } from './tell-errors.ts';
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

interface Command {
  /** What its words are; those in brackets may be left out. */
  readonly takes: readonly string[];
  run(lab: TwoSiteLab, words: readonly string[]): Promise<readonly string[]> | readonly string[];
}

const said = (line: string): readonly string[] => [line];

const onPart = (run: (lab: TwoSiteLab, part: string) => Promise<string> | string): Command => ({
  takes: ['PART'],
  run: async (lab, [part = '']) => said(await run(lab, partOf(lab, part))),
});

const commands: { readonly [name: string]: Command } = {
  list: {
    takes: [],
    run: (lab) => [
      ...lab.supervisor.list().map((part) => `${part.name} ${part.alive() ? part.pid : 'is gone'}`),
      ...lab.paths.rules(),
    ],
  },
  lose: {
    takes: ['SITE'],
    run: async (lab, [site]) => (await loseSite(lab, siteOf(site))).map((name) => `gone: ${name}`),
  },
  kill: onPart(async (lab, part) => {
    await kill(lab, part);
    return `gone: ${part}`;
  }),
  pause: onPart((lab, part) => `stopped: ${pause(lab, part).name}`),
  resume: onPart((lab, part) => {
    lab.part(part).resume();
    return `goes on: ${part}`;
  }),
  start: onPart(async (lab, part) => {
    await lab.part(part).restart();
    return `runs: ${part}`;
  }),
  cut: {
    takes: ['FROM', 'TO', '[MODE]'],
    run: (lab, [from, to, mode]) => cut(lab, endOf(lab, from), endOf(lab, to), modeOf(mode)),
  },
  partition: {
    takes: ['ONE', 'OTHER', '[MODE]'],
    run: (lab, [one, other, mode]) => partition(lab, endOf(lab, one), endOf(lab, other), modeOf(mode)),
  },
  delay: {
    takes: ['FROM', 'TO', 'MS'],
    run: (lab, [from, to, ms]) => delay(lab, endOf(lab, from), endOf(lab, to), milliseconds(ms)),
  },
  heal: {
    takes: [],
    run: (lab) => {
      heal(lab);
      return said('every path is open');
    },
  },
};

/** What can be known to be wrong without asking a lab. @throws WrongArguments with what was expected */
export function checkFault([name = '', ...words]: readonly string[]): Command {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined)
    throw new WrongArguments(`expected one of ${Object.keys(commands).join(', ')}, saw "${name}"`);
  const { takes } = command;
  const needed = takes.filter((word) => !word.startsWith('['));
  if (words.length < needed.length || words.length > takes.length)
    throw new WrongArguments(
      `${name}: expected ${takes.join(' ') || 'nothing more'}, saw "${words.join(' ')}"`,
    );
  for (const [index, kind] of takes.entries()) {
    if (kind === 'SITE') siteOf(words[index]);
    if (kind === '[MODE]') modeOf(words[index]);
    if (kind === 'MS') milliseconds(words[index]);
  }
  return command;
}

/** @throws WrongArguments with what was expected, before anything was done; Error when it failed */
export const runFault = async (lab: TwoSiteLab, words: readonly string[]): Promise<readonly string[]> =>
  checkFault(words).run(lab, words.slice(1));

/** What a lab answers; the exit code as in lab/tell-errors.ts. */
export interface FaultAnswer {
  readonly exitCode: 0 | 1 | 2;
  readonly text: string;
}

const failed = (error: unknown): FaultAnswer => ({
  exitCode: error instanceof WrongArguments ? 2 : 1,
  text: error instanceof Error ? error.message : String(error),
});

/** Takes one command a connection, as a JSON list of words, and answers with a FaultAnswer; only this user can connect. */
export function listenForFaults(lab: TwoSiteLab, socketFile: string): Server {
  rmSync(socketFile, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    void text(socket)
      .then((asked) => runFault(lab, JSON.parse(asked) as string[]))
      .then((lines): FaultAnswer => ({ exitCode: 0, text: lines.join('\n') }), failed)
      .then((answer) => socket.end(JSON.stringify(answer)));
  });
  return server.listen(socketFile);
}

export const faultSocket = 'faults.sock';

function partOf(lab: TwoSiteLab, word: string): string {
  const parts = lab.supervisor.list().map(({ name }) => name);
  if (parts.includes(word)) return word;
  throw new WrongArguments(`part: expected one of ${parts.join(', ')}, saw "${word}"`);
}

/** An end of a path. */
const endOf = (lab: TwoSiteLab, word = ''): string =>
  [...dataSites, edge, outside].includes(word) ? word : partOf(lab, word);

function siteOf(word = ''): DataSite {
  const site = dataSites.find((one) => one === word);
  if (site === undefined) throw new WrongArguments(`site: expected ${dataSites.join(' or ')}, saw "${word}"`);
  return site;
}

function modeOf(word = 'silence'): PathCut {
  if (word === 'silence' || word === 'drop') return word;
  throw new WrongArguments(`how: expected silence or drop, saw "${word}"`);
}

function milliseconds(word = ''): number {
  const ms = Number(word);
  if (word !== '' && Number.isFinite(ms) && ms >= 0) return ms;
  throw new WrongArguments(`delay: expected a number of ms, saw "${word}"`);
}
