import type { ExpandContext, Expanded } from '../expand-context.ts';
import type { Json } from '../json.ts';
import type { KubernetesCluster, KubernetesInventory } from '../schema/kubernetes.ts';
import type { KubernetesStepKind, KubernetesStepWith } from '../schema/kubernetes-step-with.ts';
import { kubernetesStepKinds } from './step-kinds.ts';
import type {
  ApplyManifestsParameters,
  CaptureManifestsParameters,
  RehearseKubernetesParameters,
  RestoreBackupParameters,
  ScaleOutNodesParameters,
  ShiftMeshParameters,
} from './parameters.ts';

type Expander<Kind extends KubernetesStepKind> = (
  what: KubernetesStepWith<Kind>,
  context: ExpandContext,
) => readonly Expanded[];

type Named = readonly [name: string, cluster: KubernetesCluster];

/** The section, or nothing: an inventory without Kubernetes makes these steps stand for nothing. */
function sectionOf({ inventory, note }: ExpandContext): KubernetesInventory | undefined {
  if (inventory.kubernetes === undefined)
    note('the inventory has no section kubernetes: nothing to do there');
  return inventory.kubernetes;
}

const clustersAt = (section: KubernetesInventory, site: string): readonly Named[] =>
  Object.entries(section.clusters).filter(([, cluster]) => cluster.site === site);

/** The entry of a name, or the only one there is. */
function chosen<Entry>(
  table: Readonly<Record<string, Entry>>,
  name: string | undefined,
  context: ExpandContext,
  kind: 'location' | 'store',
): readonly [string, Entry] | undefined {
  const known = Object.entries(table);
  const found = name === undefined && known.length === 1 ? known[0] : known.find(([key]) => key === name);
  if (found === undefined) {
    context.refuse(
      [kind],
      `one of ${known.map(([key]) => key).join(', ') || 'none, there is none'}`,
      name ?? 'nothing',
    );
  }
  return found;
}

function expanded(kind: KubernetesStepKind, target: string, title: string, parameters: object): Expanded {
  return {
    target,
    title,
    parameters: parameters as Json,
    reversibility: kubernetesStepKinds[kind].reversibility,
  };
}

const scaleOutNodes: Expander<'scaleOutNodes'> = ({ to }, context) => {
  const section = sectionOf(context);
  const stores = Object.values(section?.manifestStores ?? {});
  return clustersAt(section ?? none, to).flatMap(([clusterName, cluster]) =>
    Object.entries(cluster.nodePools).map(([poolName, pool]) => {
      const hook = pool.hook === undefined ? undefined : context.inventory.hooks[pool.hook];
      const parameters: ScaleOutNodesParameters = {
        clusterName,
        cluster,
        poolName,
        pool,
        ...(hook === undefined ? {} : { hook: hookOf(hook) }),
        ...(stores.length === 1 && stores[0] !== undefined ? { store: stores[0] } : {}),
      };
      const title = `Scale ${clusterName}/${poolName} to ${pool.nodes} nodes`;
      return expanded('scaleOutNodes', `${clusterName}-${poolName}`, title, parameters);
    }),
  );
};

const hookOf = ({ url, token, timeoutMs }: ExpandContext['inventory']['hooks'][string]) => ({
  url,
  timeoutMs,
  ...(token === undefined ? {} : { token }),
});

const restoreBackup: Expander<'restoreBackup'> = ({ to, location: wanted, ...limits }, context) => {
  const section = sectionOf(context);
  if (section === undefined || clustersAt(section, to).length === 0) return [];
  const location = chosen(section.backupLocations, wanted, context, 'location');
  if (location === undefined) return [];
  const selector = serviceSelector(section);
  return clustersAt(section, to).map(([clusterName, cluster]) => {
    const parameters: RestoreBackupParameters = {
      clusterName,
      cluster,
      locationName: location[0],
      location: location[1],
      ...(selector === undefined ? {} : { serviceSelector: selector }),
      ...limits,
    };
    return expanded('restoreBackup', clusterName, `Restore ${clusterName} from ${location[0]}`, parameters);
  });
};

/** Only `label=value` can be turned round for the restore; any other selector leaves the services in it, too. */
export function serviceSelector(
  section: KubernetesInventory,
): { readonly label: string; readonly value: string } | undefined {
  const match = /^([\w./-]+)==?([\w.-]+)$/.exec(section.services?.selector ?? '');
  return match === null ? undefined : { label: match[1] ?? '', value: match[2] ?? '' };
}

const applyManifests: Expander<'applyManifests'> = ({ to, store: wanted, ...rest }, context) => {
  const section = sectionOf(context);
  if (section === undefined || clustersAt(section, to).length === 0) return [];
  const store = chosen(section.manifestStores, wanted, context, 'store');
  if (store === undefined) return [];
  return clustersAt(section, to).map(([clusterName, cluster]) => {
    const parameters: ApplyManifestsParameters = {
      clusterName,
      cluster,
      storeName: store[0],
      store: store[1],
      ...rest,
    };
    return expanded(
      'applyManifests',
      clusterName,
      `Apply the manifests of ${store[0]} to ${clusterName}`,
      parameters,
    );
  });
};

const shiftMesh: Expander<'shiftMesh'> = ({ to, hosts }, context) => {
  const section = sectionOf(context);
  if (section === undefined) return [];
  const unknown = hosts.filter((host) => section.meshHosts[host] === undefined);
  if (unknown.length > 0) {
    context.refuse(
      ['hosts'],
      `hosts of the inventory: ${Object.keys(section.meshHosts).join(', ')}`,
      unknown.join(', '),
    );
    return [];
  }
  const meant = Object.entries(section.meshHosts).filter(
    ([host]) => hosts.length === 0 || hosts.includes(host),
  );
  return clustersAt(section, to).flatMap(([clusterName, cluster]) =>
    meant.map(([host, mesh]) => {
      const parameters: ShiftMeshParameters = { clusterName, cluster, host, mesh };
      const title = `Send ${host} to ${mesh.namespace}/${mesh.service} in ${clusterName}`;
      return expanded('shiftMesh', `${clusterName}-${host}`, title, parameters);
    }),
  );
};

const captureManifests: Expander<'captureManifests'> = ({ at, store: wanted }, context) => {
  const section = sectionOf(context);
  const services = section?.services;
  if (section === undefined || services === undefined) return [];
  const store = chosen(section.manifestStores, wanted, context, 'store');
  if (store === undefined) return [];
  return clustersAt(section, at).map(([clusterName, cluster]) => {
    const parameters: CaptureManifestsParameters = {
      clusterName,
      cluster,
      storeName: store[0],
      store: store[1],
      domain: context.inventory.domain,
      services,
    };
    return expanded(
      'captureManifests',
      clusterName,
      `Record the manifests of ${clusterName} in ${store[0]}`,
      parameters,
    );
  });
};

const rehearseKubernetes: Expander<'rehearseKubernetes'> = ({ from, to }, context) => {
  const section = sectionOf(context);
  if (section === undefined) return [];
  const [primary] = clustersAt(section, from);
  const location = chosen(section.backupLocations, undefined, context, 'location');
  const store = chosen(section.manifestStores, undefined, context, 'store');
  if (primary === undefined || location === undefined || store === undefined) return [];
  const selector = serviceSelector(section);
  return clustersAt(section, to).map(([name, cluster]) => {
    const parameters: RehearseKubernetesParameters = {
      primary: { name: primary[0], cluster: primary[1] },
      standby: { name, cluster },
      locationName: location[0],
      location: location[1],
      storeName: store[0],
      store: store[1],
      nodePools: cluster.nodePools,
      ...(selector === undefined ? {} : { serviceSelector: selector }),
    };
    return expanded(
      'rehearseKubernetes',
      name,
      `Rehearse a failover of ${primary[0]} to ${name}`,
      parameters,
    );
  });
};

const none: KubernetesInventory = { clusters: {}, backupLocations: {}, manifestStores: {}, meshHosts: {} };

/** The expanders of the Kubernetes kinds: one plan step per cluster, pool or host. */
export const kubernetesExpanders: { readonly [Kind in KubernetesStepKind]: Expander<Kind> } = {
  scaleOutNodes,
  restoreBackup,
  applyManifests,
  shiftMesh,
  captureManifests,
  rehearseKubernetes,
};
