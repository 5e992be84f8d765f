/** `POST /-/reload`, as many servers have it: 200 once the file has been read again, else 500 with the reason. */
import { createServer } from "node:http";

export async function listenForReloads(port: number, reload: () => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    if (request.method !== "POST" || request.url !== "/-/reload") return void response.writeHead(404).end();
    reload().then(
      () => response.writeHead(200).end(),
      (error) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  server.unref();
}
