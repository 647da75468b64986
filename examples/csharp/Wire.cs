// MessagePack into dictionaries, by MessagePack's low-level reader: no code is generated, so Unity's IL2CPP takes it.

#nullable enable

using System;
using System.Buffers;
using System.Collections.Generic;
using MessagePack;

namespace BioHuman
{
    internal static class Wire
    {
        private const int DeepestNesting = 8; // ours are 4 deep

        /// <summary>Integers become long, floats double, bin byte[], arrays object?[], nil null.</summary>
        public static Dictionary<string, object?> ReadMap(byte[] payload)
        {
            var reader = new MessagePackReader(payload);
            return (Dictionary<string, object?>)ReadValue(ref reader, 0)!;
        }

        /// <summary>A bin field of little-endian float32; so is the memory of every machine that .NET runs on today.</summary>
        public static float[] Floats(object? bin)
        {
            var bytes = (byte[])bin!;
            var floats = new float[bytes.Length / sizeof(float)];
            Buffer.BlockCopy(bytes, 0, floats, 0, floats.Length * sizeof(float));
            return floats;
        }

        public static string[] Strings(object? array) => Array.ConvertAll((object?[])array!, item => (string)item!);

        private static object? ReadValue(ref MessagePackReader reader, int depth)
        {
            if (depth > DeepestNesting)
                throw new FormatException();
            switch (reader.NextMessagePackType)
            {
                case MessagePackType.Integer:
                    return reader.ReadInt64();
                case MessagePackType.Float:
                    return reader.ReadDouble();
                case MessagePackType.Boolean:
                    return reader.ReadBoolean();
                case MessagePackType.String:
                    return reader.ReadString();
                case MessagePackType.Binary:
                    return reader.ReadBytes()!.Value.ToArray();
                case MessagePackType.Array:
                    var items = new object?[reader.ReadArrayHeader()];
                    for (var i = 0; i < items.Length; i++)
                        items[i] = ReadValue(ref reader, depth + 1);
                    return items;
                case MessagePackType.Map:
                    var count = reader.ReadMapHeader();
                    var map = new Dictionary<string, object?>(count);
                    for (var i = 0; i < count; i++)
                    {
                        var key = reader.ReadString()!;
                        map[key] = ReadValue(ref reader, depth + 1);
                    }
                    return map;
                default:
                    reader.Skip(); // nil; extensions, which we do not send
                    return null;
            }
        }
    }
}
