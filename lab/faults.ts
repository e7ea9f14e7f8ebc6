import type { PathCut } from './process/paths.ts';
import { outside } from './process/paths.ts';
import type { Supervised } from './process/supervise.ts';
import { dataSites, edge, type DataSite } from './sites/layout.ts';
import { WrongArguments } from './tell-errors.ts';
import type { TwoSiteLab } from './two-site-lab.ts';

/** One small function a fault. Each acts on real processes of the lab and says what it did. */

/** kill -9 of everything that stands in the site, all at once. */
export async function loseSite(lab: TwoSiteLab, site: DataSite): Promise<string[]> {
  const parts = lab.partsOf(site);
  for (const part of parts) part.kill();
  await Promise.all(parts.map((part) => part.gone()));
  return parts.map(({ name }) => name);
}

/** kill -9 of one part; returns when nothing of it is left. */
export async function kill(lab: TwoSiteLab, name: string): Promise<void> {
  const part = lab.part(name);
  part.kill();
  await part.gone();
}

/** SIGSTOP: it keeps its connections and answers nobody, like a frozen host. */
export function pause(lab: TwoSiteLab, name: string): Supervised {
  const part = lab.part(name);
  part.pause();
  return part;
}

/** kill -9 and the same arguments again after a while, as a supervisor on the host would do it. */
export async function crash(lab: TwoSiteLab, name: string, downMs: number): Promise<void> {
  await kill(lab, name);
  await new Promise((resolve) => setTimeout(resolve, downMs));
  await lab.part(name).restart();
}

/**
 * Cuts what `from` opens to `to`: connections that stand and new ones. `silence`, as in a partition: everything stays
 * open and nothing passes. `drop`: reset. Each is the name of a part, of a site (all of its parts), or `outside`
 * (writers, CLI). Needs a lab with `paths`. @returns the rules now in force
 */
export const cut = (lab: TwoSiteLab, from: string, to: string, mode: PathCut = 'silence') =>
  setPaths(lab, [[from, to]], { mode });

/** Adds so many ms to each direction of what `from` opens to `to`. */
export const delay = (lab: TwoSiteLab, from: string, to: string, delayMs: number) =>
  setPaths(lab, [[from, to]], { delayMs });

/** Cuts both ways, whoever opened the connection: neither side hears anything of the other. */
export const partition = (lab: TwoSiteLab, one: string, other: string, mode: PathCut = 'silence') =>
  setPaths(
    lab,
    [
      [one, other],
      [other, one],
    ],
    { mode },
  );

/** Ends every cut and delay; after `silence` what was held back is delivered. */
export const heal = (lab: TwoSiteLab): void => lab.paths.clear();

/** @throws WrongArguments when there is no such path: the worker, for one, is a part to which nobody connects */
function setPaths(
  lab: TwoSiteLab,
  ways: readonly (readonly [from: string, to: string])[],
  path: Parameters<TwoSiteLab['paths']['set']>[2],
): readonly string[] {
  const paths = ways.flatMap(([from, to]) =>
    partNames(lab, to)
      .filter((target) => lab.paths.leadTo(target))
      .map((target) => ({ target, sources: partNames(lab, from).filter((source) => source !== target) })),
  );
  if (paths.length === 0)
    throw new WrongArguments(
      `no path: ${ways.map(([from, to]) => `nobody connects from ${from} to ${to}`).join(', ')}`,
    );
  for (const { target, sources } of paths) lab.paths.set(sources, target, path);
  return lab.paths.rules();
}

function partNames(lab: TwoSiteLab, name: string): readonly string[] {
  if (name === outside) return [outside];
  const site = dataSites.find((one) => one === name);
  if (site !== undefined) return lab.partsOf(site).map((part) => part.name);
  if (name !== edge) return [lab.part(name).name];
  const inSites = dataSites.flatMap((one) => lab.partsOf(one)).map((part) => part.name);
  return lab.supervisor
    .list()
    .map((part) => part.name)
    .filter((part) => !inSites.includes(part));
}
