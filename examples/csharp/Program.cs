// Prints number, state, age and the strongest muscle group of each frame, and what the picture does not show.
//
//   dotnet run [ADDRESS]       beside a running `biohuman track`

#nullable enable

using System;
using System.Diagnostics;
using System.Threading;
using BioHuman;
using NetMQ;

internal static class Program
{
    private static volatile bool isInterrupted;

    private static int Main(string[] args)
    {
        Console.CancelKeyPress += (_, e) =>
        {
            e.Cancel = true; // we end by ourselves
            isInterrupted = true;
        };
        var address = args.Length > 0 ? args[0] : NewestFrame.DefaultAddress;
        try
        {
            using var receiver = new NewestFrame(address);
            Run(receiver, address);
        }
        catch (WireException error)
        {
            Console.Error.WriteLine($"subscriber: {error.Message}");
            return 2;
        }
        finally
        {
            NetMQConfig.Cleanup(false);
        }
        return isInterrupted ? 130 : 0;
    }

    /// <summary>A game's loop, less the game.</summary>
    private static void Run(NewestFrame receiver, string address)
    {
        var sinceFresh = Stopwatch.StartNew();
        var isSilent = false;
        while (!receiver.HasEnded && !isInterrupted)
        {
            var frame = receiver.Take();
            if (frame != null && receiver.Meta != null)
            {
                sinceFresh.Restart();
                isSilent = false;
                Console.WriteLine(Describe(frame, receiver.Meta));
            }
            else if (!isSilent && sinceFresh.ElapsedMilliseconds > 2000)
            {
                isSilent = true; // a game would let its figure rest now
                var old = receiver.DroppedOld > 0 ? $" ({receiver.DroppedOld} were too old)" : "";
                Console.Error.WriteLine($"no fresh frame from {address} for 2 s{old}; is `biohuman track` running?");
            }
            Thread.Sleep(16); // here the game would draw
        }
        if (receiver.HasEnded)
            Console.WriteLine("the run has ended");
    }

    private static string Describe(Frame frame, Meta meta)
    {
        var line = FormattableString.Invariant($"{frame.Seq,6} {frame.State,-8} {frame.AgeMs,5:F0} ms");
        if (frame.State == "lost")
            return line;
        var strongest = 0;
        for (var i = 1; i < frame.GroupMean.Length; i++)
        {
            if (frame.GroupMean[i] > frame.GroupMean[strongest])
                strongest = i;
        }
        var pelvisHeightM = frame.JointsM[1]; // joint 0, y
        var doubts = frame.Doubts.Length > 0 ? $"  in doubt: {string.Join(", ", frame.Doubts)}" : "";
        var group = meta.Groups[strongest];
        return line + FormattableString.Invariant($"  pelvis {pelvisHeightM,5:F2} m  {group} {frame.GroupMean[strongest]:F2}{doubts}");
    }
}
