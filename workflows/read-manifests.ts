import type { ManifestAnswer, ManifestQuery } from '../domain/kubernetes/manifest-query.ts';
import { readManifestStore } from './planning-activities.ts';

/** Answers a question about stored manifests: history, one version, or what differs between two. Changes nothing. */
export async function readManifests(query: ManifestQuery): Promise<ManifestAnswer> {
  return readManifestStore(query);
}
