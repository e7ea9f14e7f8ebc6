import { parseArgs } from 'node:util';
import { join } from 'node:path';
import { cliLines } from './cli-lines.ts';
import { faultSocket, listenForFaults } from './fault-commands.ts';
import { bringIntoProduction, type SiteClusters } from './kubernetes/site-clusters.ts';
import { repositoryFile } from './sites/start-worker.ts';
import { startLink } from './start-link.ts';
import { tellErrors } from './tell-errors.ts';
import { startTwoSiteLab } from './two-site-lab.ts';

const usage = `npm run lab [-- --folder DIR] [--no-nacos] [--async] [--kubernetes] [--no-paths]
Starts two sites on this machine and stays up; Ctrl-C stops all of it. Two labs need two folders.`;

tellErrors(usage);
const { values } = parseArgs({
  options: {
    folder: { type: 'string', default: repositoryFile('.siteshift/lab') },
    nacos: { type: 'boolean', default: true },
    async: { type: 'boolean', default: false },
    kubernetes: { type: 'boolean', default: false },
    paths: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});

if (values.help) {
  console.log(usage);
} else {
  const lab = await startTwoSiteLab({
    folder: values.folder,
    nacos: values.nacos,
    kubernetes: values.kubernetes,
    durability: values.async ? 'async' : 'semisync',
    paths: values.paths,
    endsOnSignals: true,
    say: (line) => console.log(line),
  });
  if (lab.kubernetes !== undefined) await bringIntoProduction(lab.kubernetes, (line) => console.log(line));
  listenForFaults(lab, join(values.folder, faultSocket));
  const variables = Object.entries(lab.environment).filter(([name]) => name !== 'SITESHIFT_WORKFLOW_BUNDLE');
  console.log(`
Temporal UI       ${lab.uiUrl}
start a runbook   ${await startLink(lab)}
                  (give it any Workflow ID; as it stands it is a precheck, which changes nothing: "mode": "real" moves the site)
gateways          ${lab.gateways.map(({ endpoint }) => endpoint).join('  ')}
inventory         ${lab.environment['SITESHIFT_INVENTORY'] ?? ''}
logs              ${join(lab.folder, 'state', 'logs')}

In another terminal:
${cliLines(Object.fromEntries(variables))
  .map((line) => `  ${line}`)
  .join('\n')}
  siteshift plan site-failover --from east --to west
${lab.kubernetes === undefined ? '' : clusterLines(lab.kubernetes)}
Break something: npm run fault -- kill PART, lose SITE, pause PART, cut FROM TO, delay FROM TO MS, heal, list
Processes, to be killed at will: ${lab.supervisor
    .list()
    .map(({ name, pid }) => `${name}=${pid}`)
    .join(' ')}
Ctrl-C stops everything.`);
}

function clusterLines({ lab: { east, west } }: SiteClusters): string {
  return `  siteshift manifests capture --at east        (a failover applies what was recorded)
  siteshift plan kubernetes-rehearsal --from east --to west

Clusters          ${[east, west].map((cluster) => `KUBECONFIG=${cluster.kubeconfig('admin')}`).join('\n                  ')}
`;
}
