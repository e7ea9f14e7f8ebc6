/** Where a datasource of the inventory is published. */
export type Place =
  | { readonly nacosUrl: string; readonly group: string; readonly key: string }
  | { readonly etcdUrl: string; readonly key: string };

/** Whether something stands there already; it is then newer than what a preparation would write. */
export const isPublished = (place: Place): Promise<boolean> =>
  'nacosUrl' in place ? isInNacos(place) : isInEtcd(place);

async function isInNacos({ nacosUrl, group, key }: Extract<Place, { nacosUrl: string }>): Promise<boolean> {
  const query = new URLSearchParams({ namespaceId: 'public', groupName: group, dataId: key });
  const response = await fetch(`${nacosUrl}/v3/admin/cs/config?${query.toString()}`);
  const answer = (await response.json()) as { code?: number; data?: { content?: string } | null };
  // 20004: no such resource.
  if (response.status === 404 || answer.code === 20_004) return false;
  if (!response.ok || answer.code !== 0)
    throw new Error(`reading ${key} in Nacos: expected code 0 or 20004, saw ${JSON.stringify(answer)}`);
  return (answer.data?.content ?? '') !== '';
}

async function isInEtcd({ etcdUrl, key }: Extract<Place, { etcdUrl: string }>): Promise<boolean> {
  const response = await fetch(`${etcdUrl}/v3/kv/range`, {
    method: 'POST',
    body: JSON.stringify({ key: Buffer.from(key).toString('base64'), count_only: true }),
  });
  if (!response.ok) throw new Error(`reading ${key} in etcd: expected 200, saw ${response.status}`);
  const { count = '0' } = (await response.json()) as { count?: string };
  return Number(count) > 0;
}
