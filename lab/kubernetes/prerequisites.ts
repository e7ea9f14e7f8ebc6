import type { GoBuild } from '../engines/build-go-programs.ts';
import type { DebianProgram } from '../engines/debian.ts';
import type { GoWork, Machine } from '../engines/machine.ts';
import { opensslPrograms } from './certificates.ts';
import {
  awsPluginBuild,
  kubernetesBuild,
  KUBERNETES_PROGRAMS,
  kwokBuild,
  veleroBuild,
  versitygwBuild,
} from './go-builds.ts';
import { definitionsFolderName, stagesFolderName } from './module-files.ts';
import { variableFor } from './programs.ts';

/** What the clusters of the lab take from Debian. */
export const clusterPackages: readonly DebianProgram[] = [opensslPrograms];

/** What Go has to build and fetch here before the clusters of the lab can start; the order is that of obtaining. */
export function goWorkOfClusters({ has, isSet, isCached }: Machine): readonly GoWork[] {
  const single = (build: GoBuild, isThere: boolean, variables = [variableFor(build.name)]): GoWork[] => {
    const name = `${build.name}-${build.version}`;
    return isThere || isCached(name) ? [] : [{ builds: `${build.name} ${build.version}`, variables }];
  };
  const onPath = (name: string) => has([name], variableFor(name));
  const fetched = (name: string, what: string): GoWork[] => (isCached(name) ? [] : [{ fetches: what }]);
  return [
    ...single(kubernetesBuild, KUBERNETES_PROGRAMS.every(onPath), KUBERNETES_PROGRAMS.map(variableFor)),
    ...single(kwokBuild, onPath('kwok')),
    ...single(veleroBuild, isSet(variableFor('velero'))), // the usual one is of no use here: see its build
    ...[awsPluginBuild, versitygwBuild].flatMap((build) => single(build, onPath(build.name))),
    ...fetched(definitionsFolderName, 'the definitions of Knative and Istio'),
    ...fetched(stagesFolderName, "KWOK's stages"),
  ];
}
