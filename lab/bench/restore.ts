import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { wholeNumber } from '../tell-errors.ts';
import { onFreshLab } from './restore-lab.ts';
import { restoreByProduct, restorePlainly } from './restore-sides.ts';

const goal = 1 / 3;

const oneMinute = (): number => Math.round((loadavg()[0] ?? 0) * 10) / 10;

/**
 * The cluster branch of a site failover (scale out ∥ restore, then apply) beside what people do without siteshift: one
 * `velero restore` of the same objects, then `kubectl apply` of the services. Each on a standby of its own that has
 * just started and has the primary's definitions, one after the other; both end when every service is ready, and
 * siteshift's when the public hosts are shifted as well, which the plain side has no equal of. siteshift's time is that of its steps, without the start of their processes: a worker runs all the time.
 */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { objects: { type: 'string', default: '1000' }, json: { type: 'string' } },
  });
  const objects = wholeNumber('--objects', values.objects, 1);
  const before = oneMinute();
  const say = (line: string) => console.error(line);
  const plain = await onFreshLab(objects, say, restorePlainly);
  say(`velero restore + kubectl apply: ${plain.totalMs} ms (${plain.veleroPerSecond} objects/s by Velero)`);
  const siteshift = await onFreshLab(objects, say, restoreByProduct);
  say(`siteshift: ${siteshift.totalMs} ms, critical path ${siteshift.criticalPath.join(' → ')}`);
  const ratio = Math.round((siteshift.totalMs / plain.totalMs) * 100) / 100;
  const result = {
    objects,
    ratio,
    goal: Math.round(goal * 100) / 100,
    load: { before, after: oneMinute() },
    reached: ratio <= goal,
    plain,
    siteshift,
  };
  const text = JSON.stringify(result, null, 2);
  if (values.json !== undefined) writeFileSync(values.json, `${text}\n`);
  console.log(text);
  if (!result.reached) process.exitCode = 1;
}
