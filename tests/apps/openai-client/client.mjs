// OpenAI's own client against `lockstep serve`: `node client.mjs PORT` prints what it got as JSON.
import OpenAI from 'openai';

const client = new OpenAI({ baseURL: `http://127.0.0.1:${process.argv[2]}/v1`, apiKey: 'none', maxRetries: 0 });
const messages = [{ role: 'user', content: 'How far is the moon?' }];
const seen = {};

const models = await client.models.list();
seen.models = models.data.map((model) => model.id);
const [model] = seen.models;

const chat = await client.chat.completions.create({ model, messages, max_tokens: 7 });
seen.chat = { role: chat.choices[0].message.role, text: chat.choices[0].message.content,
  reason: chat.choices[0].finish_reason, usage: chat.usage };

const completion = await client.completions.create({ model, prompt: 'The moon is', max_tokens: 5 });
seen.completion = { text: completion.choices[0].text, usage: completion.usage };

seen.chatStream = [];
for await (const chunk of await client.chat.completions.create({ model, messages, max_tokens: 9, stream: true,
  stream_options: { include_usage: true } })) {
  seen.chatStream.push({ text: chunk.choices[0]?.delta.content ?? null,
    reason: chunk.choices[0]?.finish_reason ?? null, usage: chunk.usage ?? null });
}

// The client's accumulator checks that the pieces make one answer.
const helper = client.chat.completions.stream({ model, messages, max_tokens: 6 });
seen.finalText = await helper.finalContent();

seen.completionStream = [];
for await (const chunk of await client.completions.create({ model, prompt: [1, 2, 3], max_tokens: 4, stream: true })) {
  seen.completionStream.push(chunk.choices[0].text);
}

const leaving = await client.chat.completions.create({ model, messages, max_tokens: 4000, stream: true });
for await (const chunk of leaving) {
  if (chunk.choices[0]?.delta.content) break;  // closes the connection
}

const refused = async (call) => call().then(() => null, (error) =>
  ({ kind: error.constructor.name, status: error.status, message: error.message }));
seen.unknown = await refused(() => client.chat.completions.create({ model: 'gpt-4', messages }));
seen.bad = await refused(() => client.completions.create({ model, prompt: 'x', n: 3 }));
console.log(JSON.stringify(seen));
