// Stands in the bundle for axios and debug, which node-vault names but never gets to use: its transport is handed in.
module.exports = () => () => {};
module.exports.create = () => {
  throw new Error("node-vault was used without the transport that src/vault hands in");
};
