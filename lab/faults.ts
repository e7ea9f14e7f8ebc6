import type { Supervised } from './process/supervise.ts';
import type { DataSite } from './sites/layout.ts';
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
