/** Everything that a stream says, in order. */
export async function allOf<Each>(stream: AsyncIterable<Each>): Promise<Each[]> {
  const all: Each[] = [];
  for await (const each of stream) all.push(each);
  return all;
}
