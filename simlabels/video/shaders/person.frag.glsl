// Before the fragment shader of each material of people.
in vec3 on_body;
in vec4 on_limbs;
in vec4 paint;
in vec3 lit;
in float grain;
in vec3 in_shadow_map;
uniform sampler2D noise;
uniform sampler2DShadow shadow;
out vec4 drawn;

void show(vec3 colour, float gloss) {
#ifdef SHADOW
    float direct = texture(shadow, in_shadow_map);
#else
    float direct = 1.0;
#endif
    vec3 seen = colour * (ambient.rgb * lit.x + light.rgb * lit.y * direct) + light.rgb * gloss * lit.z * direct;
    drawn = vec4(sqrt(seen), 1.0);
}
