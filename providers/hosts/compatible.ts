/**
 * Vendors that speak OpenAI's chat completions with a bearer key: a row each. Hides where each lives, and which of them
 * serve other languages or operations as well. Addresses are as the vendors publish them; no test dials them.
 */
import { elevenlabs } from "./elevenlabs.ts";
import {
  chatCompletions,
  chatOnly,
  compatible,
  type Endpoint,
  geminiChat,
  type Host,
  mistralFim,
  mistralMore,
  oldCap,
  openaiEmbeddings,
  usual,
} from "./host.ts";

const anthropicAt = (path: string): Endpoint => ({ dialect: "anthropic", path });
const responses: Endpoint = { dialect: "openai-responses", path: "/responses" };

const embeddings = [openaiEmbeddings] as const;
const textAndVectors = { chat: [chatCompletions], embeddings } as const;
/** Hugging Face's own servers, of whose words for vectors there are others than OpenAI's. */
const featureExtraction: Endpoint = {
  ...{ dialect: "openai-chat", path: "../hf-inference/models/{model}/pipeline/feature-extraction" },
  ...{ predict: true, folders: true, models: /^\w[\w.-]*\/\w[\w.-]*$/ },
};
/** Beside chat completions: Anthropic's messages, at a path of the host's own, and what else it speaks. */
const alsoMessages = (path: string, ...more: readonly Endpoint[]) => ({
  operations: { chat: [chatCompletions, anthropicAt(path), ...more] },
});

function chat(name: string, baseUrl: string, environment: readonly string[] = [], more: Partial<Host> = {}): Host {
  return compatible(name, baseUrl, environment, { operations: chatOnly, ...more });
}

function vectors(name: string, baseUrl: string, environment: readonly string[] = [], more: Partial<Host> = {}): Host {
  return compatible(name, baseUrl, environment, { operations: textAndVectors, ...more });
}

/** Mistral has words of its own, and answers 422 to any that it does not know. */
const mistralFields: NonNullable<Host["quirks"]["fields"]> = {
  ...oldCap.fields,
  seed: "random_seed",
  user: null,
  safety_identifier: null,
  logprobs: null,
  top_logprobs: null,
  logit_bias: null,
  service_tier: null,
  store: null,
  top_k: null,
  verbosity: null,
};

/** Their pages say that the thinking before a call comes back with it; most of them answer 400 where it does not. */
const thinkingBack: Host["quirks"] = { thinkingBack: true };

/** alibabacloud.com/help/en/model-studio/anthropic-api-messages */
const dashscope: Partial<Host> = {
  operations: { ...alsoMessages("//apps/anthropic/v1/messages").operations, embeddings },
};

/** platform.kimi.ai/docs/api/overview */
const moonshot: Partial<Host> = {
  operations: { ...alsoMessages("//anthropic/v1/messages", responses).operations, ...usual("files", "batches") },
  quirks: thinkingBack,
  catalog: "moonshotai",
};

/** Who train the models they serve. */
const makers: readonly Host[] = [
  // docs.mistral.ai/api
  vectors("mistral", "https://api.mistral.ai/v1", ["MISTRAL_API_KEY"], {
    operations: { ...textAndVectors, ...mistralMore, ...mistralFim, ...usual("moderations", "transcriptions") },
    quirks: { usageUnasked: true, fields: mistralFields },
    instead: {
      batches:
        "its jobs name one model for a whole file and are told in other words; make them with POST /passthrough/{provider}/v1/batch/jobs",
    },
  }),
  chat("codestral", "https://codestral.mistral.ai/v1", ["CODESTRAL_API_KEY"], {
    operations: { ...chatOnly, ...mistralFim },
    quirks: { usageUnasked: true, fields: mistralFields },
    catalog: "mistral",
  }),
  // api-docs.deepseek.com/api/create-chat-completion, /api/create-completion, /guides/anthropic_api, /guides/thinking_mode
  chat("deepseek", "https://api.deepseek.com/v1", ["DEEPSEEK_API_KEY"], {
    operations: {
      ...alsoMessages("//anthropic/v1/messages").operations,
      completions: [{ dialect: "openai-chat", path: "//beta/completions" }],
    },
    quirks: { ...oldCap, ...thinkingBack },
  }),
  // docs.x.ai/docs/api-reference
  chat("xai", "https://api.x.ai/v1", ["XAI_API_KEY"], {
    operations: { chat: [chatCompletions, responses], ...usual("image_generations") },
    catalog: "x-ai",
  }),
  // docs.perplexity.ai/api-reference/sonar-post, /docs/grounded-llm/openai-compatibility: other makers' models, which
  // have a slash in their names, by responses only
  chat("perplexity", "https://api.perplexity.ai", ["PERPLEXITY_API_KEY", "PPLX_API_KEY"], {
    operations: {
      chat: [
        { ...chatCompletions, models: /^[^/]*$/ },
        { ...responses, path: "/v1/responses", models: /\// },
      ],
    },
    quirks: oldCap,
  }),
  chat("moonshot", "https://api.moonshot.ai/v1", ["MOONSHOT_API_KEY"], moonshot),
  chat("moonshot-cn", "https://api.moonshot.cn/v1", [], moonshot),
  chat("kimi-coding", "https://api.kimi.com/coding/v1", ["KIMI_API_KEY"], {
    ...alsoMessages("/messages"),
    quirks: thinkingBack,
  }),
  // docs.z.ai/guides/capabilities/thinking-mode
  chat("zai", "https://api.z.ai/api/paas/v4", ["ZAI_API_KEY"], {
    ...alsoMessages("//api/anthropic/v1/messages"),
    quirks: thinkingBack,
  }),
  chat("zai-coding", "https://api.z.ai/api/coding/paas/v4", [], {
    ...alsoMessages("//api/anthropic/v1/messages"),
    quirks: thinkingBack,
    catalog: "zai",
  }),
  vectors("zhipuai", "https://open.bigmodel.cn/api/paas/v4", ["ZHIPUAI_API_KEY", "ZHIPU_API_KEY"], {
    operations: { ...alsoMessages("//api/anthropic/v1/messages").operations, embeddings },
    quirks: thinkingBack,
  }),
  chat("minimax", "https://api.minimax.io/v1", ["MINIMAX_API_KEY"], alsoMessages("//anthropic/v1/messages")),
  chat("minimax-cn", "https://api.minimaxi.com/v1", [], {
    ...alsoMessages("//anthropic/v1/messages"),
    catalog: "minimax",
  }),
  vectors("dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1", ["DASHSCOPE_API_KEY"], dashscope),
  vectors("dashscope-intl", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", [], dashscope),
  // platform.stepfun.com/docs/zh/api-reference/chat/messages-create, /responses/responses-create: one model
  chat("stepfun", "https://api.stepfun.com/v1", ["STEPFUN_API_KEY"], {
    ...alsoMessages("/messages", { ...responses, models: /^step-3\.7-flash/ }),
  }),
  vectors("baichuan", "https://api.baichuan-ai.com/v1", ["BAICHUAN_API_KEY"]),
  chat("lingyiwanwu", "https://api.lingyiwanwu.com/v1", ["LINGYIWANWU_API_KEY"]),
  vectors("hunyuan", "https://api.hunyuan.cloud.tencent.com/v1", ["HUNYUAN_API_KEY"]),
  vectors("qianfan", "https://qianfan.baidubce.com/v2", ["QIANFAN_API_KEY"]),
  chat("spark", "https://spark-api-open.xf-yun.com/v1", ["SPARK_API_KEY"]),
  // platform.xiaomimimo.com/static/docs/api/chat/anthropic-api, /docs/en-US/usage-guide/passing-back-reasoning_content
  chat("xiaomi", "https://api.xiaomimimo.com/v1", ["XIAOMI_MIMO_API_KEY", "XIAOMI_API_KEY"], {
    ...alsoMessages("//anthropic/v1/messages"),
    quirks: thinkingBack,
  }),
  // docs.ai21.com/reference/jamba-1-6-api-ref
  chat("ai21", "https://api.ai21.com/studio/v1", ["AI21_API_KEY"], { quirks: oldCap }),
  vectors("upstage", "https://api.upstage.ai/v1", ["UPSTAGE_API_KEY"]),
  chat("inception", "https://api.inceptionlabs.ai/v1", ["INCEPTION_API_KEY"]),
  // docs.reka.ai/chat/api-reference/create
  chat("reka", "https://api.reka.ai/v1", ["REKA_API_KEY"], { quirks: oldCap }),
  chat("meta-llama", "https://api.llama.com/compat/v1", ["LLAMA_API_KEY"]),
  chat("arcee", "https://api.arcee.ai/api/v1", ["ARCEE_API_KEY"]),
  chat("maritaca", "https://chat.maritaca.ai/api", ["MARITACA_API_KEY"]),
  chat("sarvam", "https://api.sarvam.ai/v1", ["SARVAM_API_KEY"], {
    auth: { kind: "header", name: "api-subscription-key" },
  }),
  chat("sea-lion", "https://api.sea-lion.ai/v1", ["SEA_LION_API_KEY"]),
  chat("typhoon", "https://api.opentyphoon.ai/v1", ["TYPHOON_API_KEY"]),
  vectors("clova", "https://clovastudio.stream.ntruss.com/v1/openai", ["CLOVASTUDIO_API_KEY"]),
  chat("morph", "https://api.morphllm.com/v1", ["MORPH_API_KEY"]),
  chat("v0", "https://api.v0.dev/v1", ["V0_API_KEY"]),
  chat("nous", "https://inference-api.nousresearch.com/v1", ["NOUS_API_KEY"]),
  chat("publicai", "https://api.publicai.co/v1", ["PUBLICAI_API_KEY"]),
];

/** docs.siliconflow.com/en/api-reference, docs.siliconflow.cn/docs/api */
const siliconflow: Partial<Host> = {
  operations: {
    ...alsoMessages("/messages").operations,
    embeddings,
    ...usual("image_generations", "speech", "transcriptions", "rerank", "files", "batches"),
  },
  quirks: oldCap,
};

/** Who serve other people's models. */
const servers: readonly Host[] = [
  // console.groq.com/docs/openai, /docs/api-reference
  compatible("groq", "https://api.groq.com/openai/v1", ["GROQ_API_KEY"], {
    operations: {
      chat: [chatCompletions, responses],
      ...usual("speech", "transcriptions", "translations", "files", "batches"),
    },
    quirks: { fields: { logprobs: null, top_logprobs: null, logit_bias: null } },
  }),
  // docs.together.ai/docs/inference/openai-compatibility; its files are uploaded in a way of its own
  compatible("together", "https://api.together.ai/v1", ["TOGETHER_API_KEY"], {
    operations: {
      ...textAndVectors,
      ...usual("completions", "image_generations", "speech", "transcriptions", "translations", "rerank"),
    },
    quirks: oldCap,
  }),
  // docs.fireworks.ai/tools-sdks/openai-compatibility, /tools-sdks/anthropic-compatibility
  vectors("fireworks", "https://api.fireworks.ai/inference/v1", ["FIREWORKS_API_KEY"], {
    operations: { chat: [chatCompletions, responses, anthropicAt("/messages")], embeddings, ...usual("completions") },
  }),
  // inference-docs.cerebras.ai/resources/openai
  chat("cerebras", "https://api.cerebras.ai/v1", ["CEREBRAS_API_KEY"], {
    operations: usual("chat", "completions"),
    quirks: { fields: { frequency_penalty: null, presence_penalty: null, logit_bias: null } },
  }),
  // docs.sambanova.ai/docs/en/features/openai-compatibility
  vectors("sambanova", "https://api.sambanova.ai/v1", ["SAMBANOVA_API_KEY"], {
    operations: { ...textAndVectors, ...usual("transcriptions", "translations") },
    quirks: oldCap,
  }),
  // docs.api.nvidia.com/nim/reference
  vectors("nvidia", "https://integrate.api.nvidia.com/v1", ["NVIDIA_API_KEY"], { quirks: oldCap }),
  // docs.deepinfra.com/api-reference
  compatible("deepinfra", "https://api.deepinfra.com/v1/openai", ["DEEPINFRA_API_KEY"], {
    operations: {
      ...alsoMessages("//anthropic/v1/messages").operations,
      embeddings,
      ...usual("completions", "image_generations", "image_edits", "speech", "transcriptions", "translations"),
    },
  }),
  // huggingface.co/docs/inference-providers, /guides/responses-api, /integrations/claude-code, /tasks/feature-extraction
  chat("huggingface", "https://router.huggingface.co/v1", ["HF_TOKEN"], {
    operations: { ...alsoMessages("/messages", responses).operations, embeddings: [featureExtraction] },
  }),
  chat("hyperbolic", "https://api.hyperbolic.xyz/v1", ["HYPERBOLIC_API_KEY"]),
  // docs.tokenfactory.nebius.com/api-reference
  compatible("nebius", "https://api.tokenfactory.nebius.com/v1", ["NEBIUS_API_KEY"], {
    operations: { ...textAndVectors, ...usual("completions", "image_generations", "files", "batches") },
  }),
  // docs.parasail.io: serverless, and its batches, which OpenAI's client makes
  vectors("parasail", "https://api.parasail.io/v1", ["PARASAIL_API_KEY"], {
    operations: { ...textAndVectors, ...usual("completions", "files", "batches") },
  }),
  vectors("novita", "https://api.novita.ai/openai/v1", ["NOVITA_API_KEY"], {
    operations: { chat: [chatCompletions, anthropicAt("//anthropic/v1/messages")], embeddings },
  }),
  chat("replicate", "https://openai-proxy.replicate.com/v1", ["REPLICATE_API_TOKEN"]),
  chat("friendli", "https://api.friendli.ai/serverless/v1", ["FRIENDLI_TOKEN"]),
  vectors("nscale", "https://inference.api.nscale.com/v1", ["NSCALE_API_KEY"]),
  chat("featherless", "https://api.featherless.ai/v1", ["FEATHERLESS_API_KEY"]),
  chat("lambda", "https://api.lambda.ai/v1", ["LAMBDA_API_KEY"]),
  chat("baseten", "https://inference.baseten.co/v1", ["BASETEN_API_KEY"]),
  chat("wandb", "https://api.inference.wandb.ai/v1", ["WANDB_API_KEY"]),
  // docs.venice.ai/api-reference
  vectors("venice", "https://api.venice.ai/api/v1", ["VENICE_API_KEY"], {
    operations: { ...textAndVectors, ...usual("image_generations", "speech", "transcriptions") },
  }),
  chat("chutes", "https://llm.chutes.ai/v1", ["CHUTES_API_KEY"]),
  vectors("synthetic", "https://api.synthetic.new/openai/v1", ["SYNTHETIC_API_KEY"]),
  // docs.gmicloud.ai/inference-engine/api-reference/llm-api-reference
  chat("gmi", "https://api.gmi-serving.com/v1", ["GMI_API_KEY", "GMICLOUD_API_KEY"], {
    operations: { chat: [chatCompletions, { ...anthropicAt("/messages"), models: /claude/ }] },
  }),
  // docs.crusoecloud.com/quickstart/getting-started-with-serverless-inference
  chat("crusoe", "https://api.inference.crusoecloud.com/v1", ["CRUSOE_API_KEY"]),
  vectors("clarifai", "https://api.clarifai.com/v2/ext/openai/v1", ["CLARIFAI_PAT"]),
  chat("abliteration", "https://api.abliteration.ai/v1", ["ABLITERATION_API_KEY"]),
  // ai-sdk.dev/providers/community-providers/llamagate, its own
  vectors("llamagate", "https://api.llamagate.dev/v1", ["LLAMAGATE_API_KEY"]),
  chat("ollama-cloud", "https://ollama.com/v1", ["OLLAMA_API_KEY"]),
  chat("inference-net", "https://api.inference.net/v1", ["INFERENCE_API_KEY"]),
  chat("avian", "https://api.avian.io/v1", ["AVIAN_API_KEY"]),
  chat("doubleword", "https://api.doubleword.ai/v1", ["DOUBLEWORD_API_KEY"]),
  chat("infermatic", "https://api.totalgpt.ai/v1", ["INFERMATIC_API_KEY"]),
  chat("mancer", "https://neuro.mancer.tech/oai/v1", ["MANCER_API_KEY"]),
  chat("arliai", "https://api.arliai.com/v1", ["ARLIAI_API_KEY"]),
  chat("targon", "https://api.targon.com/v1", ["TARGON_API_KEY"]),
  chat("ionet", "https://api.intelligence.io.solutions/api/v1", ["IOINTELLIGENCE_API_KEY"]),
  chat("atlascloud", "https://api.atlascloud.ai/v1", ["ATLASCLOUD_API_KEY"]),
  vectors("tinfoil", "https://inference.tinfoil.sh/v1", ["TINFOIL_API_KEY"]),
  chat("redpill", "https://api.redpill.ai/v1", ["REDPILL_API_KEY"]),
  chat("near-ai", "https://cloud-api.near.ai/v1", ["NEARAI_API_KEY"]),
  compatible("siliconflow", "https://api.siliconflow.com/v1", ["SILICONFLOW_API_KEY"], siliconflow),
  compatible("siliconflow-cn", "https://api.siliconflow.cn/v1", [], siliconflow),
  vectors("modelscope", "https://api-inference.modelscope.cn/v1", ["MODELSCOPE_API_KEY"]),
  vectors("volcengine", "https://ark.cn-beijing.volces.com/api/v3", ["ARK_API_KEY"]),
  vectors("byteplus", "https://ark.ap-southeast.bytepluses.com/api/v3", ["BYTEPLUS_API_KEY"]),
  chat("ppio", "https://api.ppinfra.com/v3/openai", ["PPIO_API_KEY"]),
  chat("infini-ai", "https://cloud.infini-ai.com/maas/v1", ["INFINI_API_KEY"]),
  // moark.com/docs/products/apis, as it is called now
  vectors("gitee-ai", "https://api.moark.com/v1", ["GITEE_AI_API_KEY"]),
];

/** Clouds with models among much else. */
const clouds: readonly Host[] = [
  vectors("github-models", "https://models.github.ai/inference"),
  vectors("scaleway", "https://api.scaleway.ai/v1", ["SCW_SECRET_KEY"]),
  vectors("ovhcloud", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", ["OVH_AI_ENDPOINTS_ACCESS_TOKEN"]),
  vectors("ionos", "https://openai.inference.de-txl.ionos.com/v1", ["IONOS_API_KEY"]),
  vectors("stackit", "https://api.openai-compat.model-serving.eu01.onstackit.cloud/v1", ["STACKIT_API_KEY"]),
  vectors("berget", "https://api.berget.ai/v1", ["BERGET_API_KEY"]),
  chat("evroc", "https://models.think.evroc.com/v1", ["EVROC_API_KEY"]),
  // docs.digitalocean.com/products/inference/how-to/si-endpoints: a model's access key or a personal token
  chat("digitalocean", "https://inference.do-ai.run/v1", ["GRADIENT_MODEL_ACCESS_KEY", "DIGITALOCEAN_ACCESS_TOKEN"], {
    operations: {
      ...alsoMessages("/messages", responses).operations,
      embeddings,
      ...usual("image_generations", "speech"),
    },
  }),
  chat("vultr", "https://api.vultrinference.com/v1", ["VULTR_API_KEY"]),
  vectors("heroku", "https://us.inference.heroku.com/v1", ["HEROKU_API_KEY"]),
  /** Both live at an account's own address, which the entry has to tell. */
  vectors("databricks", ""),
  // developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility
  vectors("cloudflare", "", [], {
    operations: { chat: [chatCompletions, { ...responses, models: /gpt-oss/ }], embeddings },
  }),
];

/** Gateways and resellers in front of many others. */
const gateways: readonly Host[] = [
  compatible("openrouter", "https://openrouter.ai/api/v1", ["OPENROUTER_API_KEY"], {
    operations: {
      chat: [chatCompletions, anthropicAt("/messages"), responses],
      ...usual("embeddings", "completions", "image_generations", "speech", "transcriptions", "files", "containers"),
      ...usual("rerank"),
    },
    quirks: { extensions: true },
  }),
  // vercel.com/docs/ai-gateway/sdks-and-apis
  vectors("vercel", "https://ai-gateway.vercel.sh/v1", ["AI_GATEWAY_API_KEY"], {
    operations: { ...alsoMessages("/messages", responses).operations, embeddings },
  }),
  // docs.helicone.ai/rest/ai-gateway
  chat("helicone", "https://ai-gateway.helicone.ai/v1", ["HELICONE_API_KEY"], {
    operations: { chat: [chatCompletions, responses] },
  }),
  vectors("portkey", "https://api.portkey.ai/v1", ["PORTKEY_API_KEY"], {
    auth: { kind: "header", name: "x-portkey-api-key" },
  }),
  vectors("requesty", "https://router.requesty.ai/v1", ["REQUESTY_API_KEY"]),
  chat("poe", "https://api.poe.com/v1", ["POE_API_KEY"]),
  chat("nano-gpt", "https://nano-gpt.com/api/v1", ["NANOGPT_API_KEY", "NANO_GPT_API_KEY"]),
  vectors("aimlapi", "https://api.aimlapi.com/v1", ["AIML_API_KEY"], {
    operations: { ...textAndVectors, ...usual("image_generations") },
  }),
  vectors("cometapi", "https://api.cometapi.com/v1", ["COMETAPI_KEY"]),
  // docs.aihubmix.com/cn/api-reference
  vectors("aihubmix", "https://aihubmix.com/v1", ["AIHUBMIX_API_KEY"], {
    operations: { ...alsoMessages("/messages", responses).operations, embeddings },
  }),
  // Stima's before; developers.llamaindex.ai/python/examples/llm/apertis, pypi.org/project/apertis, both its own
  vectors("apertis", "https://api.apertis.ai/v1", ["APERTIS_API_KEY", "STIMA_API_KEY"], {
    operations: { ...alsoMessages("/messages", responses).operations, embeddings },
  }),
  chat("glama", "https://glama.ai/api/gateway/openai/v1", ["GLAMA_API_KEY"]),
  vectors("302ai", "https://api.302.ai/v1", [], {
    operations: { ...textAndVectors, ...usual("image_generations", "speech", "transcriptions", "rerank") },
  }),
  // docs.zenmux.ai/guide/advanced/reasoning
  chat("zenmux", "https://zenmux.ai/api/v1", ["ZENMUX_API_KEY"], alsoMessages("//api/anthropic/v1/messages")),
  // opencode.ai/docs/zen#endpoints: each model in its maker's language, each language with its own header for the key
  chat("opencode-zen", "https://opencode.ai/zen/v1", ["OPENCODE_API_KEY"], {
    auth: { kind: "bearer", also: ["x-api-key", "x-goog-api-key"] },
    operations: {
      chat: [
        { ...chatCompletions, models: /^(?!gpt-|claude-|gemini-)/ },
        { ...responses, models: /^gpt-/ },
        { ...anthropicAt("/messages"), models: /^claude-/ },
        { ...geminiChat, models: /^gemini-/ },
      ],
    },
  }),
  chat("cortecs", "https://api.cortecs.ai/v1", ["CORTECS_API_KEY"]),
  chat("fastrouter", "https://go.fastrouter.ai/api/v1", ["FASTROUTER_API_KEY"]),
  chat("assemblyai", "https://llm-gateway.assemblyai.com/v1", ["ASSEMBLYAI_API_KEY"]),
];

/** Who serve vectors, rankings or voices, and no chat. */
const specialists: readonly Host[] = [
  // docs.voyageai.com/reference/reranker-api
  compatible("voyage", "https://api.voyageai.com/v1", ["VOYAGE_API_KEY"], {
    operations: { embeddings, rerank: [{ dialect: "cohere", path: "/rerank", predict: true }] },
    catalog: "voyageai",
  }),
  compatible("jina", "https://api.jina.ai/v1", ["JINA_API_KEY"], {
    operations: { embeddings, rerank: [{ dialect: "cohere", path: "/rerank" }] },
  }),
  compatible("mixedbread", "https://api.mixedbread.com/v1", ["MXBAI_API_KEY"], { operations: { embeddings } }),
  compatible("elevenlabs", "https://api.elevenlabs.io/v1", ["ELEVENLABS_API_KEY"], {
    auth: { kind: "header", name: "xi-api-key" },
    operations: {
      speech: [{ dialect: "openai-chat", path: "/text-to-speech", voice: elevenlabs }],
      transcriptions: [{ dialect: "openai-chat", path: "/speech-to-text", voice: elevenlabs }],
    },
  }),
];

export const compatibles: readonly Host[] = [...makers, ...servers, ...clouds, ...gateways, ...specialists];
