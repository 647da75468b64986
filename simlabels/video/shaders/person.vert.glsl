// Skin, clothes and hair. Light falls on vertices: triangles are a few pixels large.
in vec3 position;
in vec3 normal;
in vec3 texture_m;
in vec4 region;
in vec4 colour;
uniform sampler2D noise;
out vec3 on_body;
out vec4 on_limbs;
out vec4 paint;
out vec3 lit;      // ambient, diffuse, gloss
out float grain;   // fine mottling of the colour
out vec3 in_shadow_map;

void main() {
    gl_Position = clip_from_world * vec4(position, 1.0);
    vec3 to_eye = normalize(eye.xyz - position);
    vec3 n = normalize(normal);
#ifdef TWO_SIDED
    n *= dot(n, to_eye) < 0.0 ? -1.0 : 1.0;
#endif
    float facing = dot(n, to_light.xyz);
    float wrapped = max((facing + 0.35) / 1.35, 0.0); // light creeps round soft things
    float mirrored = max(dot(n, normalize(to_eye + to_light.xyz)), 0.0);
    lit = vec3((0.72 + 0.28 * n.y) * (0.85 + 0.15 * dot(n, to_eye)), mix(0.25 * wrapped, max(facing, 0.0), 0.8), pow(mirrored, 24.0));
    on_body = texture_m;
    on_limbs = region;
    paint = colour;
    vec2 at = texture_m.xy + 0.6 * texture_m.z;
    grain = 0.65 * textureLod(noise, at * GRAIN, 0.0).r + 0.35 * textureLod(noise, at * GRAIN * 2.7 + 0.03, 0.0).r;
    in_shadow_map = (shadow_from_world * vec4(position + n * 0.015, 1.0)).xyz;
}
