/** One call with a bearer, answered in JSON. */

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes, each compared where it is read
export type Told = { readonly status: number; readonly body: any };

export async function askJson(url: string, bearer: string, method: string, body?: unknown): Promise<Told> {
  const isForm = body instanceof FormData;
  const answer = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${bearer}`, ...(isForm ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}
