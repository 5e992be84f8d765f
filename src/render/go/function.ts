/** What a function that templates may call is. */
import type { Session } from "../session.ts";
import type { Result } from "./boxed.ts";
import type { GoMap, ParameterType, Slice, Struct, Value } from "./values.ts";

/** The parameters' types here. */
interface Arguments {
  string: string;
  bool: boolean;
  int: bigint;
  int64: bigint;
  "time.Duration": bigint;
  float64: number;
  "interface {}": Value;
  "reflect.Value": Result;
  "[]string": Slice;
  "[]interface {}": Slice;
  "map[string]interface {}": GoMap;
  "map[string]string": GoMap;
  "time.Time": Struct;
  "sprig.certificate": Struct;
  "*semver.Version": Struct;
  "func(*mergo.Config)": never;
  "[]*dependency.KeyPair": never;
}

type ArgumentsOf<P extends readonly ParameterType[]> = { [I in keyof P]: Arguments[P[I]] };

/** What a function may see beside its arguments. */
export interface CallContext {
  readonly session: Session;
  /** Renders a template of the same source into a string. */
  executeTemplate(name: string, data: Value): string;
}

export interface TemplateFunction {
  readonly name: string;
  readonly parameters: readonly ParameterType[];
  /** The type of any number of further arguments. */
  readonly rest: ParameterType | undefined;
  /** Failures are FunctionErrors. */
  call(args: readonly Result[], context: CallContext): Result;
}

/** A function of a fixed number of arguments. */
export function define<const P extends readonly ParameterType[]>(
  name: string,
  parameters: P,
  call: (args: ArgumentsOf<P>, context: CallContext) => Result,
): TemplateFunction {
  return { name, parameters, rest: undefined, call: (args, context) => call(args as ArgumentsOf<P>, context) };
}

/** A function whose last parameter may be given any number of times. */
export function defineVariadic<const P extends readonly ParameterType[], R extends ParameterType>(
  name: string,
  parameters: P,
  rest: R,
  call: (args: readonly [...ArgumentsOf<P>, ...Arguments[R][]], context: CallContext) => Result,
): TemplateFunction {
  return {
    name,
    parameters,
    rest,
    call: (args, context) => call(args as readonly [...ArgumentsOf<P>, ...Arguments[R][]], context),
  };
}
