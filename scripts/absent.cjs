// Stands in the bundle for parts of packages that nobody uses (scripts/bundle.ts names them). It may be called once,
// because debug makes a printer when it is loaded; whoever goes further is told what is wrong.
function absent() {
  return () => {};
}
absent.create = () => {
  throw new Error("this part of a package was left out of lessee's bundle: see scripts/bundle.ts");
};
module.exports = absent;
